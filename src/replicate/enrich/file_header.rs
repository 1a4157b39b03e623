//! The header of an enrichment file: the comments at its top.

use super::super::config::TablePattern;
use super::super::sql_file::SqlFile;
use super::error::EnrichError;

/// The requirements of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileHeader {
    /// Tables that must exist.
    pub(super) requires: Vec<ExpectedTable>,
    /// Tables that must not exist.
    pub(super) unless: Vec<ExpectedTable>,
    /// Files that must have run before, by name with `.sql`.
    pub(super) depends: Vec<String>,
}

/// A table by schema and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpectedTable {
    pub(super) schema: String,
    pub(super) name: String,
    /// As it is written.
    pub(super) text: String,
}

/// The known words before a colon.
const WORDS: [&str; 3] = ["requires-table", "unless-table", "depends"];

impl FileHeader {
    pub(super) fn of(file: &SqlFile) -> Result<Self, EnrichError> {
        let mut header = Self::default();
        for (line, text) in file.head() {
            let wrong = |what| EnrichError::Header { file: file.name().to_owned(), line, what };
            let Some((word, value)) = text.split_once(':') else { continue };
            let value = value.trim();
            match word {
                "requires-table" => header.requires.push(table(value).map_err(wrong)?),
                "unless-table" => header.unless.push(table(value).map_err(wrong)?),
                "depends" if value.is_empty() => return Err(wrong("missing file name".to_owned())),
                "depends" => {
                    let name = value.strip_suffix(".sql").unwrap_or(value);
                    header.depends.push(format!("{name}.sql"));
                }
                // Other comments are allowed, except for words that look mistyped.
                word if looks_like_ours(word) => {
                    let known = WORDS.join(", ");
                    return Err(wrong(format!("unknown word \"{word}\", expected one of {known}")));
                }
                _ => {}
            }
        }
        Ok(header)
    }
}

/// Whether it is a single word that starts with the same letters as a known one.
fn looks_like_ours(word: &str) -> bool {
    let word = word.trim_end().to_ascii_lowercase();
    !word.contains(' ') && WORDS.iter().any(|known| word.get(..6) == known.get(..6))
}

fn table(text: &str) -> Result<ExpectedTable, String> {
    let pattern =
        TablePattern::parse(text).map_err(|error| format!("table \"{text}\": {error}"))?;
    match pattern.exact() {
        Some((schema, name)) => Ok(ExpectedTable {
            schema: schema.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
        }),
        None => Err(format!("table \"{text}\": expected one table, without *")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<FileHeader, EnrichError> {
        FileHeader::of(&SqlFile::parse("f.sql".to_owned(), text.to_owned()).unwrap())
    }

    #[test]
    fn tables_and_files_are_read_from_the_header() {
        let read = header(
            "-- Some words: free.\n-- requires-table: answers\n--requires-table: s.knowledge-elements\n\
             -- unless-table: \"a.b\"\n-- depends: users\n-- depends: more.sql\nSELECT 1;\n-- requires-table: not this\n",
        )
        .unwrap();
        let names = |tables: &[ExpectedTable]| {
            tables
                .iter()
                .map(|table| format!("{}|{}", table.schema, table.name))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&read.requires), ["public|answers", "s|knowledge-elements"]);
        assert_eq!(names(&read.unless), ["public|a.b"]);
        assert_eq!(read.depends, ["users.sql", "more.sql"]);
    }

    #[test]
    fn typo_in_header_is_reported_with_its_line() {
        for (text, message) in [
            (
                "-- require-table: a",
                "f.sql, line 1: unknown word \"require-table\", expected one of",
            ),
            ("--\n-- Requires-Table: a", "f.sql, line 2: unknown word \"Requires-Table\""),
            ("-- depends-on: a", "f.sql, line 1: unknown word \"depends-on\""),
            ("-- depends:", "f.sql, line 1: missing file name"),
            ("-- requires-table:", "f.sql, line 1: table \"\": a name is empty"),
            ("-- requires-table: a*", "f.sql, line 1: table \"a*\": expected one table"),
        ] {
            let error = header(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
