//! The result of a verification, as text and as JSON.

use std::fmt;

use serde::Serialize;

use super::VerifyOptions;
use super::examine::{Findings, ObjectFound};
use crate::archive::digests::{DigestLine, Digests, TOC_ID, toc_digest};
use crate::archive::{Compression, Digest, DumpId, Entry, Format};
use crate::rows::RowSet;
use crate::shown::escaped;
use crate::source::Archive;
use crate::verify::counted;

/// The result of a verification.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// The archive's name.
    pub archive: String,
    /// Its format.
    pub format: Format,
    /// The version of its format, such as `1.16`.
    pub version: String,
    /// The compression in its header. In directory format, each file's suffix determines it.
    pub compression: Compression,
    /// Whether only some of its entries were wanted.
    pub partial: bool,
    /// The digest of its table of contents, if digests were wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toc_digest: Option<Digest>,
    /// Every entry with data that was wanted, in the order of the table of contents.
    pub entries: Vec<EntryReport>,
    /// Faults of the archive as a whole.
    pub errors: Vec<String>,
    /// Remarks that are not faults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// The result for one entry.
#[derive(Clone, Debug, Serialize)]
pub struct EntryReport {
    /// The entry's number.
    pub dump_id: i32,
    /// The kind of object, such as `TABLE DATA`.
    pub kind: String,
    /// Its schema.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
    /// Its number of items, as far as it could be read; `None` if they cannot be counted.
    #[serde(flatten)]
    pub count: Option<Count>,
    /// Bytes of its data, decompressed.
    pub bytes: u64,
    /// Bytes of its data, as stored in the archive.
    pub read: u64,
    /// The digest of its data, if digests were wanted and all of it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Its fault, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its rows, if they are to be compared with a database and all were read.
    #[serde(skip)]
    pub(crate) row_set: Option<RowSet>,
    /// Its large objects.
    #[serde(skip)]
    pub(crate) objects: Vec<ObjectFound>,
}

/// The kind and number of items in the data of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Count {
    /// Rows of COPY data.
    Rows(u64),
    /// INSERT statements.
    Statements(u64),
    /// Large objects.
    Objects(u64),
}

impl Count {
    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Rows(number) | Self::Statements(number) | Self::Objects(number) => number,
        }
    }
}

impl EntryReport {
    pub(super) fn new(entry: &Entry, findings: Findings) -> Self {
        Self {
            dump_id: entry.dump_id.0,
            kind: entry.desc.as_str().to_owned(),
            schema: entry.namespace.clone().filter(|schema| !schema.is_empty()),
            name: entry.tag.clone(),
            count: findings.count,
            bytes: findings.bytes,
            read: findings.read,
            digest: findings.whole_digest(),
            row_set: findings.row_set,
            objects: findings.objects,
            error: findings.error,
        }
    }

    /// The name with its schema, on one line.
    fn full_name(&self) -> String {
        match &self.schema {
            Some(schema) => escaped(&format!("{schema}.{}", self.name)),
            None => escaped(&self.name),
        }
    }
}

impl VerifyReport {
    /// An empty report.
    pub(super) fn new(archive: &Archive, options: &VerifyOptions) -> Self {
        let header = &archive.toc.header;
        Self {
            archive: archive.name.clone(),
            format: archive.format,
            version: format!("{}.{}", header.version.major, header.version.minor),
            compression: header.compression,
            partial: options.wanted.is_some(),
            toc_digest: options.digests.then(|| toc_digest(&archive.toc)),
            entries: Vec::new(),
            errors: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Whether there are no faults.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.errors.is_empty() && self.entries.iter().all(|entry| entry.error.is_none())
    }

    /// All faults, one line each: the archive first, then its entries.
    pub fn faults(&self) -> impl Iterator<Item = String> {
        let entries = self.entries.iter().filter_map(|entry| {
            // The error of an entry that was found already names it.
            let error = entry.error.as_ref()?;
            let (id, kind, name) = (entry.dump_id, &entry.kind, entry.full_name());
            Some(format!("entry {id} {kind} {name}: {}", escaped(error)))
        });
        self.errors.iter().map(|error| escaped(error)).chain(entries)
    }

    /// The digests of the table of contents and of all entries that have one.
    #[must_use]
    pub fn digests(&self) -> Digests {
        let mut digests = Digests::default();
        if let Some(digest) = self.toc_digest {
            let label = "table of contents".to_owned();
            digests.insert(TOC_ID, DigestLine { digest, rows: None, bytes: 0, label });
        }
        for entry in &self.entries {
            if let Some(digest) = entry.digest {
                let label = format!("{} {}", entry.kind, entry.full_name());
                let rows = entry.count.map(Count::number);
                digests.insert(
                    DumpId(entry.dump_id),
                    DigestLine { digest, rows, bytes: entry.bytes, label },
                );
            }
        }
        digests
    }

    /// The report as JSON.
    ///
    /// # Errors
    /// Never in practice: every field can be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl fmt::Display for VerifyReport {
    /// A table of all entries, a line of totals, then the faults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.entries.iter().map(EntryReport::full_name).collect();
        let width = |texts: &mut dyn Iterator<Item = usize>, least| texts.fold(least, usize::max);
        let kind = width(&mut self.entries.iter().map(|entry| entry.kind.chars().count()), 4);
        let name = width(&mut names.iter().map(|name| name.chars().count()), 4);
        writeln!(f, "{:kind$}  {:name$}  {:>12}  {:>15}", "KIND", "NAME", "ROWS", "BYTES")?;
        for (entry, label) in self.entries.iter().zip(&names) {
            let rows = entry.count.map_or("-".to_owned(), |count| count.number().to_string());
            let mark = if entry.error.is_some() { "  BROKEN" } else { "" };
            let EntryReport { kind: text, bytes, .. } = entry;
            writeln!(f, "{text:kind$}  {label:name$}  {rows:>12}  {bytes:>15}{mark}")?;
        }
        writeln!(f)?;
        self.totals(f)?;
        self.remarks.iter().try_for_each(|remark| writeln!(f, "{remark}"))?;
        let faults: Vec<String> = self.faults().collect();
        if faults.is_empty() {
            return writeln!(f, "{}: intact", self.archive);
        }
        writeln!(f, "{}: {}", self.archive, counted(faults.len() as u64, "fault", "faults"))?;
        faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

impl VerifyReport {
    fn totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rows, mut statements, mut objects) = (0, 0, 0);
        for count in self.entries.iter().filter_map(|entry| entry.count) {
            match count {
                Count::Rows(number) => rows += number,
                Count::Statements(number) => statements += number,
                Count::Objects(number) => objects += number,
            }
        }
        let entries = counted(self.entries.len() as u64, "entry", "entries");
        write!(f, "{entries}, {}", counted(rows, "row", "rows"))?;
        if statements > 0 {
            write!(f, ", {}", counted(statements, "INSERT statement", "INSERT statements"))?;
        }
        if objects > 0 {
            write!(f, ", {}", counted(objects, "large object", "large objects"))?;
        }
        let bytes: u64 = self.entries.iter().map(|entry| entry.bytes).sum();
        let read: u64 = self.entries.iter().map(|entry| entry.read).sum();
        writeln!(f, ", {bytes} bytes ({read} in the archive)")
    }
}
