//! Digests of an archive's data, stored next to it: `--write-digests` writes them and `--digests`
//! compares with them.
//!
//! Only gzip data always has a checksum. A flipped bit in data that is uncompressed, or compressed
//! with lz4 or zstd, can yield different rows that still look like rows. A digest of each entry,
//! taken when the archive was known to be good, detects this.
//!
//! The file is text, one entry per line, with fields separated by two spaces:
//!
//! ```text
//! nocturne digests 1
//! <sha256>  <rows>  <bytes>  <dump ID>  <label>
//! ```
//!
//! `rows` is the number of items in the entry (rows, statements or large objects), or `-` if they
//! cannot be counted. Empty lines and lines that start with `#` are ignored. The table of contents
//! itself, whose text has no checksum either, is entry 0.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Serialize;

use super::{Digest, DumpId, Section, Toc};

/// The first line of a digest file. The number changes with the definition of the digests.
pub const HEADER: &str = "nocturne digests 1";

/// The number of the table of contents; entries start at 1.
pub const TOC_ID: DumpId = DumpId(0);

/// The digest of everything in the table of contents except the data locations: the same archive
/// has the same digest, however it is wrapped.
#[must_use]
pub fn toc_digest(toc: &Toc) -> Digest {
    // Every text is preceded by its length, so that different tables of contents give different
    // bytes.
    let mut bytes = Vec::new();
    let header = &toc.header;
    let texts = [&header.dbname, &header.remote_version, &header.dump_version];
    for text in texts.into_iter().chain([&header.created.to_string()]) {
        put_text(&mut bytes, Some(text));
    }
    for entry in &toc.entries {
        bytes.extend(entry.dump_id.0.to_le_bytes());
        bytes.extend([u8::from(entry.declares_data()), entry.relkind, u8::from(entry.with_oids)]);
        bytes.extend(entry.table_oid.to_le_bytes());
        bytes.extend(entry.oid.to_le_bytes());
        bytes.push(match entry.section {
            Section::None => 1,
            Section::PreData => 2,
            Section::Data => 3,
            Section::PostData => 4,
        });
        let texts = [&entry.tag, &entry.defn, &entry.drop_stmt, &entry.copy_stmt];
        texts.into_iter().for_each(|text| put_text(&mut bytes, Some(text)));
        put_text(&mut bytes, Some(entry.desc.as_str()));
        let texts = [&entry.namespace, &entry.tablespace, &entry.table_am, &entry.owner];
        texts.into_iter().for_each(|text| put_text(&mut bytes, text.as_deref()));
        bytes.extend((entry.dependencies.len() as u64).to_le_bytes());
        entry.dependencies.iter().for_each(|id| bytes.extend(id.0.to_le_bytes()));
    }
    Digest::of(&bytes)
}

pub(crate) fn put_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        None => bytes.extend(u64::MAX.to_le_bytes()),
    }
}

/// The line of one entry in a digest file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestLine {
    /// The digest of the entry's data.
    pub digest: Digest,
    /// The number of rows, statements or large objects, if they can be counted.
    pub rows: Option<u64>,
    /// Bytes of the data, decompressed.
    pub bytes: u64,
    /// The label of the entry, such as `TABLE DATA public.users`, on one line.
    pub label: String,
}

/// A digest file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests(BTreeMap<DumpId, DigestLine>);

/// Why a digest file cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DigestsError {
    /// Its first line is not [`HEADER`].
    #[error("line 1: not a digest file of this version (expected {HEADER:?})")]
    Header,
    /// A line does not have five fields, or one of them is invalid.
    #[error("line {line}: {what}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// A difference between an archive and a digest file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// The entry is in the file but has no data in the archive.
    Missing(String),
    /// The entry's data or label has changed.
    Changed(String),
    /// The entry has data in the archive but is not in the file.
    Additional(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "{what}: in the digests, not in the archive"),
            Self::Changed(what) => write!(f, "{what}"),
            Self::Additional(what) => write!(f, "{what}: in the archive, not in the digests"),
        }
    }
}

impl Digests {
    /// Parses a digest file.
    ///
    /// # Errors
    /// When it is invalid, with the line number.
    pub fn parse(text: &str) -> Result<Self, DigestsError> {
        let mut lines = (1..).zip(text.lines());
        if lines.next().is_none_or(|(_, first)| first.trim_end() != HEADER) {
            return Err(DigestsError::Header);
        }
        let mut digests = Self::default();
        for (line, text) in lines {
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            let (id, entry) = parse_line(text).map_err(|what| DigestsError::Line { line, what })?;
            if digests.insert(id, entry).is_some() {
                return Err(DigestsError::Line { line, what: "duplicate entry" });
            }
        }
        Ok(digests)
    }

    /// Adds an entry. Returns its previous line, if any.
    pub fn insert(&mut self, id: DumpId, line: DigestLine) -> Option<DigestLine> {
        self.0.insert(id, line)
    }

    /// The line of an entry.
    #[must_use]
    pub fn get(&self, id: DumpId) -> Option<&DigestLine> {
        self.0.get(&id)
    }

    /// All entries, by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (DumpId, &DigestLine)> {
        self.0.iter().map(|(id, line)| (*id, line))
    }

    /// How `found` differs from this. If only a part of the archive was read (`partial`), no entry
    /// counts as missing.
    #[must_use]
    pub fn compare(&self, found: &Self, partial: bool) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (id, expected) in &self.0 {
            let label = format!("entry {id} {}", expected.label);
            match found.get(*id) {
                None if partial => {}
                None => differences.push(Difference::Missing(label)),
                Some(found) => differences.extend(
                    expected
                        .change(found)
                        .map(|what| format!("{label}: {what}"))
                        .map(Difference::Changed),
                ),
            }
        }
        let additional = found.iter().filter(|(id, _)| self.get(*id).is_none());
        differences.extend(
            additional
                .map(|(id, line)| Difference::Additional(format!("entry {id} {}", line.label))),
        );
        differences
    }
}

impl DigestLine {
    /// The most important difference of `found` from this.
    #[must_use]
    pub fn change(&self, found: &Self) -> Option<String> {
        let number = |rows: Option<u64>| rows.map_or("-".to_owned(), |rows| rows.to_string());
        if self.label != found.label {
            Some(format!("is now {}", found.label))
        } else if self.rows != found.rows {
            Some(format!("{} rows, had {}", number(found.rows), number(self.rows)))
        } else if self.bytes != found.bytes {
            Some(format!("{} bytes, had {}", found.bytes, self.bytes))
        } else if self.digest != found.digest {
            Some("its contents have changed".to_owned())
        } else {
            None
        }
    }
}

impl fmt::Display for Digests {
    /// The text of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        for (id, DigestLine { digest, rows, bytes, label }) in &self.0 {
            write!(f, "{digest}  ")?;
            match rows {
                Some(rows) => write!(f, "{rows}")?,
                None => f.write_char('-')?,
            }
            writeln!(f, "  {bytes}  {id}  {label}")?;
        }
        Ok(())
    }
}

fn parse_line(text: &str) -> Result<(DumpId, DigestLine), &'static str> {
    let mut fields = text.splitn(5, "  ");
    let mut field = || fields.next().ok_or("expected five fields, two spaces apart");
    let digest = Digest::from_hex(field()?).ok_or("the digest is not 64 hexadecimal digits")?;
    let rows = match field()? {
        "-" => None,
        rows => Some(rows.parse().map_err(|_| "the number of rows is not a number")?),
    };
    let bytes = field()?.parse().map_err(|_| "the number of bytes is not a number")?;
    let id = field()?.parse().ok().filter(|id| *id >= 0).ok_or("the dump ID is not a number")?;
    let label = field()?.to_owned();
    Ok((DumpId(id), DigestLine { digest, rows, bytes, label }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shown::escaped;

    fn sample() -> Digests {
        let mut digests = Digests::default();
        let line = |text: &str, rows, label: &str| DigestLine {
            digest: Digest::of(text.as_bytes()),
            rows,
            bytes: text.len() as u64,
            label: escaped(label),
        };
        digests.insert(DumpId(7), line("1\n\\.\n\n\n", Some(1), "TABLE DATA public.a  b\nc"));
        digests.insert(DumpId(12), line("", None, "BLOB COMMENTS"));
        digests
    }

    #[test]
    fn digest_file_round_trips() {
        let text = sample().to_string();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert_eq!(Digests::parse(&text).unwrap(), sample());
        assert_eq!(Digests::parse(&format!("{text}\n# a note\n")).unwrap(), sample());
    }

    #[test]
    fn errors_name_the_line() {
        let digest = Digest::of(b"");
        let parse =
            |line: &str| Digests::parse(&format!("{HEADER}\n\n{line}\n")).unwrap_err().to_string();
        assert!(parse("abc  1  2  3  x").starts_with("line 3: the digest"));
        assert!(parse(&format!("{digest}  x  2  3  y")).contains("number of rows"));
        assert!(parse(&format!("{digest}  1  -2  3  y")).contains("number of bytes"));
        assert!(parse(&format!("{digest}  1  2  -3  y")).contains("dump ID"));
        assert!(parse(&format!("{digest}  1  2  3")).contains("five fields"));
        let twice = format!("{digest}  1  2  3  y\n{digest}  1  2  3  y");
        assert!(parse(&twice).starts_with("line 4: duplicate entry"));
        assert_eq!(Digests::parse(""), Err(DigestsError::Header));
        assert_eq!(Digests::parse("nocturne digests 2\n"), Err(DigestsError::Header));
    }

    #[test]
    fn missing_changed_and_additional_entries_are_distinguished() {
        let expected = sample();
        assert_eq!(expected.compare(&expected, false), []);
        let mut found = Digests::default();
        let changed =
            DigestLine { digest: Digest::of(b"2\n"), ..sample().get(DumpId(7)).unwrap().clone() };
        found.insert(DumpId(7), changed);
        found.insert(DumpId(9), sample().get(DumpId(7)).unwrap().clone());
        let told: Vec<_> =
            expected.compare(&found, false).iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("entry 7") && told[0].ends_with("its contents have changed"));
        assert!(told[1].contains("entry 12") && told[1].ends_with("not in the archive"));
        assert!(told[2].contains("entry 9") && told[2].ends_with("not in the digests"));
        assert_eq!(expected.compare(&found, true).len(), 2);
    }
}
