//! `NAME[:KEY]`: a table and its key column.

use std::str::FromStr;

use crate::replicate::config::TablePattern;

/// A table and its key column, by which new rows are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableKey {
    /// The schema, `public` by default.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The column, if given.
    pub key: Option<String>,
}

impl FromStr for TableKey {
    type Err = String;

    /// Names are spelled as in `BACKUP_MODE`: case matters, and double quotes enclose a part that
    /// contains `.`, `:`, `*` or `"`.
    fn from_str(text: &str) -> Result<Self, String> {
        // A colon within quotes follows an odd number of quotes.
        let is_outside = |at: &usize| text[..*at].matches('"').count().is_multiple_of(2);
        let colon = text.match_indices(':').map(|(at, _)| at).find(is_outside);
        let (name, key) = match colon {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let pattern = TablePattern::parse(name).map_err(|error| error.to_string())?;
        let (schema, table) = pattern.exact().ok_or("\"*\" does not name a single table")?;
        let key = key.map(|key| {
            let enclosed = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
            enclosed.map_or_else(|| key.to_owned(), |key| key.replace("\"\"", "\""))
        });
        if key.as_deref() == Some("") {
            return Err("missing column after \":\"".to_owned());
        }
        Ok(Self { schema: schema.to_owned(), table: table.to_owned(), key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_and_key_are_optional() {
        for (text, schema, table, key) in [
            ("answers", "public", "answers", None),
            ("knowledge-elements:createdAt", "public", "knowledge-elements", Some("createdAt")),
            ("stats.events:event_id", "stats", "events", Some("event_id")),
            ("\"a:b.c\":\"x\"\"y:z\"", "public", "a:b.c", Some("x\"y:z")),
        ] {
            let expected = TableKey {
                schema: schema.into(),
                table: table.into(),
                key: key.map(str::to_owned),
            };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn invalid_table_name_is_rejected() {
        for text in ["", "a*", "a.b.c", "answers:", ":id"] {
            assert!(text.parse::<TableKey>().is_err(), "{text}");
        }
    }
}
