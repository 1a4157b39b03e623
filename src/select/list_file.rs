//! List files (`-L`): which entries to restore, and in which order.
//!
//! The format is that of the text listing, ours or pg_restore's: a line starts with an entry
//! number; what follows a `;` is a comment. It is read as in `SortTocFromFile`
//! (`pg_backup_archiver.c`), in bytes, since names in comments have any encoding.

use std::collections::HashSet;
use std::fmt;

use super::text_lines::{TextLines, is_space, trim_start};
use crate::archive::{DumpId, Entry};

/// A list file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFile {
    ids: Vec<DumpId>,
    ignored: Vec<IgnoredLine>,
}

/// A line that names no entry and is ignored, as in pg_restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredLine {
    /// Its number, from 1.
    pub line: usize,
    /// Its text before the comment.
    pub text: String,
    /// Why it is ignored.
    pub why: WhyIgnored,
}

/// Why a line of a list file is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyIgnored {
    /// It does not start with a number.
    NotANumber,
    /// No entry of the archive can have this number: it is below one, or above all of them.
    OutOfRange,
    /// An earlier line names the same entry.
    Repeated,
}

impl fmt::Display for IgnoredLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            WhyIgnored::NotANumber => "does not start with an entry number",
            WhyIgnored::OutOfRange => "entry number out of range",
            WhyIgnored::Repeated => "entry already listed",
        };
        write!(f, "line {} ignored: {why}: {}", self.line, self.text)
    }
}

/// Why a list file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A line names an entry that the archive does not have: the list belongs to a different
    /// archive.
    #[error("line {line}: the archive has no entry {id}")]
    NoSuchEntry {
        /// The line's number, from 1.
        line: usize,
        /// The entry's number.
        id: DumpId,
    },
    /// The file is a listing in JSON, not in the text format.
    #[error("line {line}: this is a listing in JSON, not a text listing")]
    Json {
        /// The number of the first JSON line.
        line: usize,
    },
}

impl ListFile {
    /// Reads the text of a list file for an archive with these entries.
    ///
    /// Lines that cannot be parsed are [ignored](Self::ignored), not errors.
    ///
    /// # Errors
    /// When a line names an entry that the archive should have but lacks, or the text is JSON.
    pub fn parse(text: &[u8], entries: &[Entry]) -> Result<Self, ListError> {
        let known: HashSet<DumpId> = entries.iter().map(|entry| entry.dump_id).collect();
        let highest = known.iter().max().map_or(0, |id| i64::from(id.0));
        let mut seen = HashSet::new();
        let mut list = Self::default();
        let mut json = None;

        let mut lines = TextLines::new(text);
        while let Some(line) = lines.next() {
            let line = &line[..memchr::memchr(b';', line).unwrap_or(line.len())];
            if line.iter().copied().all(is_space) {
                continue;
            }
            let why = match leading_number(line) {
                None => WhyIgnored::NotANumber,
                Some(number) if number <= 0 || number > highest => WhyIgnored::OutOfRange,
                Some(number) => {
                    let id = DumpId(i32::try_from(number).unwrap_or(i32::MAX));
                    if !known.contains(&id) {
                        return Err(ListError::NoSuchEntry { line: lines.number(), id });
                    }
                    if seen.insert(id) {
                        list.ids.push(id);
                        continue;
                    }
                    WhyIgnored::Repeated
                }
            };
            if list.ids.is_empty() && list.ignored.is_empty() && looks_like_json(line) {
                json = Some(lines.number());
            }
            let text = String::from_utf8_lossy(line).trim().to_owned();
            list.ignored.push(IgnoredLine { line: lines.number(), text, why });
        }
        match json {
            // pg_restore would restore nothing and succeed.
            Some(line) if list.ids.is_empty() => Err(ListError::Json { line }),
            _ => Ok(list),
        }
    }

    /// The entries listed, in order, each once. All of them are in the archive.
    #[must_use]
    pub fn ids(&self) -> &[DumpId] {
        &self.ids
    }

    /// The ignored lines, in order: each deserves a warning.
    #[must_use]
    pub fn ignored(&self) -> &[IgnoredLine] {
        &self.ignored
    }
}

/// The number at the start of a line, as read by `strtol`: spaces and a sign may precede it,
/// anything may follow. A number too large for its type saturates.
fn leading_number(line: &[u8]) -> Option<i64> {
    let line = trim_start(line);
    let (sign, digits) = match line.split_first() {
        Some((b'-', rest)) => (-1, rest),
        Some((b'+', rest)) => (1, rest),
        _ => (1, line),
    };
    let mut digits = digits.iter().take_while(|byte| byte.is_ascii_digit()).peekable();
    digits.peek()?;
    let value = digits.fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    Some(sign * value)
}

fn looks_like_json(line: &[u8]) -> bool {
    matches!(line.trim_ascii(), [b'{', b'"', ..] | [b'[', b'{', ..] | b"{" | b"[" | b"[]" | b"{}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::archive::tests::entry::entry;

    fn archive(ids: &[i32]) -> Vec<Entry> {
        ids.iter().map(|id| entry(*id, "TABLE", "t").build()).collect()
    }

    fn ids(list: &ListFile) -> Vec<i32> {
        list.ids().iter().map(|id| id.0).collect()
    }

    #[test]
    fn pg_restore_listing_is_read_in_its_order() {
        let text = b";\n; Archive created at 2024-01-01 00:00:00 UTC\n;     dbname: shop\n;\n\
            300; 1259 16390 TABLE public b alice\n\
            ;200; 1259 16388 TABLE public off alice\n\
            ;\tdepends on: 100\n\
            100; 1259 16386 TABLE public a alice\n";
        let list = ListFile::parse(text, &archive(&[100, 200, 300])).unwrap();
        assert_eq!(ids(&list), [300, 100]);
        assert!(list.ignored().is_empty());
    }

    #[test]
    fn numbers_are_parsed_as_in_c() {
        for (line, expected) in [
            ("7", Some(7)),
            ("  \t+7 trailing words", Some(7)),
            ("007;x", Some(7)),
            ("7abc", Some(7)),
            ("\x0b7", Some(7)),
            ("0x7", None),
            ("-7", None),
            ("+ 7", None),
            ("seven", None),
            ("99999999999999999999999999", None),
            // 2^32 + 7: must not wrap round.
            ("4294967303", None),
        ] {
            let list = ListFile::parse(line.as_bytes(), &archive(&[7, 9])).unwrap();
            assert_eq!(list.ids().first().map(|id| id.0), expected, "{line:?}");
            assert_eq!(list.ignored().len(), usize::from(expected.is_none()), "{line:?}");
        }
    }

    #[test]
    fn crlf_bom_and_other_encodings_do_no_harm() {
        let text = b"\xef\xbb\xbf2; TABLE public caf\xe9 alice\r\n\r\n \t\r\n1\r\n";
        let list = ListFile::parse(text, &archive(&[1, 2])).unwrap();
        assert_eq!(ids(&list), [2, 1]);
        assert!(list.ignored().is_empty());
    }

    #[test]
    fn ignored_lines_are_reported_with_place_and_reason() {
        let text = b"1\n\n-- a comment; of SQL\n1 again\n0\n3\n";
        let list = ListFile::parse(text, &archive(&[1, 2])).unwrap();
        assert_eq!(ids(&list), [1]);
        let messages: Vec<_> = list.ignored().iter().map(IgnoredLine::to_string).collect();
        assert_eq!(
            messages,
            [
                "line 3 ignored: does not start with an entry number: -- a comment",
                "line 4 ignored: entry already listed: 1 again",
                "line 5 ignored: entry number out of range: 0",
                "line 6 ignored: entry number out of range: 3",
            ]
        );
    }

    #[test]
    fn entry_not_in_the_archive_is_an_error() {
        let error = ListFile::parse(b"1\n2\n", &archive(&[1, 3])).unwrap_err();
        assert_eq!(error.to_string(), "line 2: the archive has no entry 2");
    }

    #[test]
    fn json_listing_is_refused_instead_of_ignored() {
        for text in [&b"{\"dump_id\": 1}\n"[..], b"\n[\n  {\n\"dump_id\": 1\n}\n]\n"] {
            let error = ListFile::parse(text, &archive(&[1])).unwrap_err();
            assert!(matches!(error, ListError::Json { .. }), "{error}");
        }
        // Odd lines in a usable list are only warnings.
        let list = ListFile::parse(b"[\n1\n", &archive(&[1])).unwrap();
        assert_eq!(ids(&list), [1]);
    }

    #[test]
    fn empty_list_selects_nothing() {
        let list = ListFile::parse(b"; all off\n", &archive(&[1])).unwrap();
        assert!(list.ids().is_empty() && list.ignored().is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_yield_each_archive_entry_once(text: Vec<u8>) {
            if let Ok(list) = ListFile::parse(&text, &archive(&[1, 2, 3, 4])) {
                let mut ids = ids(&list);
                ids.sort_unstable();
                ids.dedup();
                prop_assert_eq!(ids.len(), list.ids().len());
                prop_assert!(ids.iter().all(|id| (1..=4).contains(id)));
            }
        }
    }
}
