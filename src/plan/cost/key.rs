//! The columns and method of an index, read from the statement that creates it.

use super::table::{Columns, Comparison};
use crate::sql::constraint;
use crate::sql::scan::{identifier, unquoted};

/// How an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// A sort: `btree` and similar methods.
    Sort,
    /// `hash`: a sort of numbers.
    Hash,
    /// `gin`: every key of every document.
    Inverted,
    /// `gist`, `spgist` and methods of extensions: row by row into a tree.
    Tree,
    /// `brin`: one scan of the table.
    Summary,
}

/// An index to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexKey {
    pub(super) method: Method,
    /// How the keys compare; `None` for an expression, whose type is not in the archive.
    pub(super) keys: Vec<Option<Comparison>>,
    /// Whether it covers only rows that satisfy a condition.
    pub(super) partial: bool,
}

impl IndexKey {
    /// The index that an INDEX or CONSTRAINT entry builds; `None` for a constraint without index.
    pub(super) fn of(definition: &str, columns: &Columns) -> Option<Self> {
        match constraint::unique(definition) {
            Some(constraint) => Self::of_index(&constraint.create_index, columns),
            None => Self::of_index(definition, columns),
        }
    }

    /// From `… USING method (keys) … WHERE condition`, as `pg_get_indexdef` writes it, and from the
    /// exclusion constraints of `pg_get_constraintdef`.
    fn of_index(statement: &str, columns: &Columns) -> Option<Self> {
        let (_, rest) = statement.split_once(" USING ")?;
        let (method, rest) = rest.split_at(identifier(rest)?);
        let (list, rest) = in_parentheses(rest.trim_start())?;
        let method = match method {
            "btree" => Method::Sort,
            "hash" => Method::Hash,
            "gin" => Method::Inverted,
            "brin" => Method::Summary,
            _ => Method::Tree,
        };
        let keys = split(list).map(|key| comparison(key.trim(), columns)).collect();
        Some(Self { method, keys, partial: rest.contains(" WHERE (") })
    }
}

/// How a key that is a column compares, ignoring what follows its name.
fn comparison(key: &str, columns: &Columns) -> Option<Comparison> {
    let (name, rest) = key.split_at(identifier(key)?);
    let is_column = rest.is_empty() || rest.starts_with(' ');
    columns.get(&unquoted(name)).filter(|_| is_column).map(|column| column.comparison)
}

/// How the columns of a foreign key compare.
pub(super) fn foreign_key(definition: &str, columns: &Columns) -> Vec<Option<Comparison>> {
    let list = definition.split_once("FOREIGN KEY ").and_then(|(_, rest)| in_parentheses(rest));
    list.map(|(list, _)| split(list).map(|key| comparison(key.trim(), columns)).collect())
        .unwrap_or_default()
}

/// The contents of the parentheses at the start of `text`, and the text after them.
fn in_parentheses(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('(')?;
    let end = outside(inside, |depth, byte| depth == 0 && byte == b')')?;
    Some((&inside[..end], &inside[end + 1..]))
}

/// The parts between commas outside parentheses and quotes.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let text = rest?;
        let comma = outside(text, |depth, byte| depth == 0 && byte == b',');
        rest = comma.map(|comma| &text[comma + 1..]);
        Some(&text[..comma.unwrap_or(text.len())])
    })
}

/// The position of the first wanted byte outside quotes; `wanted` also gets the nesting depth of
/// parentheses.
fn outside(text: &str, wanted: impl Fn(usize, u8) -> bool) -> Option<usize> {
    let (mut depth, mut quote) = (0usize, None);
    text.bytes().position(|byte| {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, _) if wanted(depth, byte) => return true,
            (None, b'(') => depth += 1,
            (None, b')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::Comparison::{Collation, Document, Number};
    use super::*;

    fn columns() -> Columns {
        Columns::of(
            "CREATE TABLE t (\n    id bigint,\n    email text,\n    \"a, (b\" integer,\n    doc jsonb\n);\n",
        )
    }

    fn index(statement: &str) -> Option<IndexKey> {
        IndexKey::of(statement, &columns())
    }

    #[test]
    fn keys_are_columns_or_expressions() {
        for (keys, expected) in [
            ("id", vec![Some(Number)]),
            ("email COLLATE \"C\" DESC NULLS LAST, id", vec![Some(Collation), Some(Number)]),
            ("\"a, (b\" int4_ops", vec![Some(Number)]),
            ("lower(email), ((id + 1))", vec![None, None]),
            ("lower('),' || email), id", vec![None, Some(Number)]),
        ] {
            let statement = format!("CREATE INDEX i ON public.t USING btree ({keys});\n");
            let index = index(&statement).unwrap();
            assert_eq!(index, IndexKey { method: Method::Sort, keys: expected, partial: false });
        }
    }

    #[test]
    fn condition_and_method_are_recognized() {
        let gin = index("CREATE INDEX i ON t USING gin (doc jsonb_path_ops) WHERE (id > 7);\n");
        let expected =
            IndexKey { method: Method::Inverted, keys: vec![Some(Document)], partial: true };
        assert_eq!(gin, Some(expected));
        let exclude = "ALTER TABLE ONLY t\n    ADD CONSTRAINT x EXCLUDE USING gist (id WITH =);\n";
        assert_eq!(index(exclude).map(|index| index.method), Some(Method::Tree));
    }

    #[test]
    fn primary_key_is_an_index_unlike_a_check() {
        let key = index("ALTER TABLE ONLY t\n    ADD CONSTRAINT k PRIMARY KEY (id, email);\n");
        assert_eq!(key.map(|key| key.keys), Some(vec![Some(Number), Some(Collation)]));
        assert_eq!(index("ALTER TABLE t\n    ADD CONSTRAINT c CHECK ((id > 0));\n"), None);
        for broken in ["", "CREATE INDEX i ON t USING ", "CREATE INDEX i ON t USING btree (id"] {
            assert_eq!(index(broken), None, "{broken}");
        }
    }

    #[test]
    fn foreign_key_columns_are_the_childs() {
        let key = "ALTER TABLE ONLY t\n    ADD CONSTRAINT f FOREIGN KEY (email, id) REFERENCES p(a, b);\n";
        assert_eq!(foreign_key(key, &columns()), [Some(Collation), Some(Number)]);
        assert_eq!(foreign_key("", &columns()), []);
    }
}
