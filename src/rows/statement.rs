//! Parses the COPY statement before a block of rows.

/// The parts of a COPY statement as pg_dump writes it: `COPY public.t (a, b) FROM stdin;`
/// (`dumpTableData` in `src/bin/pg_dump/pg_dump.c`, `fmtCopyColumnList`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CopyStatement<'a> {
    /// The table, quoted and qualified as in SQL.
    pub table: &'a str,
    /// The columns' unquoted names, in field order.
    pub columns: Vec<String>,
}

impl<'a> CopyStatement<'a> {
    /// Parses a statement; `None` if it has another form. A table without columns has an empty
    /// list, written as two spaces.
    #[must_use]
    pub fn parse(statement: &'a str) -> Option<Self> {
        let rest = statement.strip_prefix("COPY ")?;
        let table_end = outside_quotes(rest, |byte| byte == b' ')?;
        let (table, rest) = rest.split_at(table_end);
        let mut columns = Vec::new();
        let mut rest = rest.strip_prefix(' ')?;
        if let Some(list) = rest.strip_prefix('(') {
            let end = outside_quotes(list, |byte| byte == b')')?;
            let (mut list, after) = list.split_at(end);
            rest = &after[1..];
            loop {
                let end = outside_quotes(list, |byte| byte == b',').unwrap_or(list.len());
                columns.push(name(list[..end].trim_start())?);
                match list.get(end + 1..) {
                    Some(more) => list = more,
                    None => break,
                }
            }
        }
        rest.starts_with(" FROM stdin").then_some(Self { table, columns })
    }
}

/// The table of an INSERT statement, as written in SQL, and the text after it.
#[must_use]
pub fn insert_into(statement: &str) -> Option<(&str, &str)> {
    let rest = statement.strip_prefix("INSERT INTO ")?;
    Some(rest.split_at(outside_quotes(rest, |byte| byte == b' ')?))
}

/// The schema of a table, if given, and its name, both unquoted.
#[must_use]
pub fn table_name(table: &str) -> Option<(Option<String>, String)> {
    Some(match outside_quotes(table, |byte| byte == b'.') {
        Some(dot) => (Some(name(&table[..dot])?), name(&table[dot + 1..])?),
        None => (None, name(table)?),
    })
}

/// The position of the first wanted byte outside double quotes.
fn outside_quotes(text: &str, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        !quoted && wanted(byte)
    })
}

/// An identifier without its quotes.
fn name(identifier: &str) -> Option<String> {
    match identifier.strip_prefix('"') {
        Some(quoted) => Some(quoted.strip_suffix('"')?.replace("\"\"", "\"")),
        None => (!identifier.is_empty()).then(|| identifier.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(statement: &str) -> Option<(&str, Vec<String>)> {
        CopyStatement::parse(statement).map(|parts| (parts.table, parts.columns))
    }

    #[test]
    fn column_names_are_unquoted_and_table_stays_quoted() {
        assert_eq!(
            parse("COPY public.\"a (b) \"\"c\" (id, \"x, y)\", \"\"\"\") FROM stdin;\n").unwrap(),
            ("public.\"a (b) \"\"c\"", vec!["id".to_owned(), "x, y)".to_owned(), "\"".to_owned()])
        );
    }

    #[test]
    fn table_without_columns_has_no_list() {
        assert_eq!(parse("COPY public.t  FROM stdin;\n"), Some(("public.t", vec![])));
    }

    #[test]
    fn insert_table_is_parsed_quoted_or_not() {
        let of = |statement| {
            let (table, rest) = insert_into(statement)?;
            Some((table_name(table)?, rest))
        };
        let named = |schema: Option<&str>, name: &str| (schema.map(str::to_owned), name.to_owned());
        for (statement, table) in [
            ("INSERT INTO app.t VALUES (1);", named(Some("app"), "t")),
            ("INSERT INTO t VALUES (1);", named(None, "t")),
            ("INSERT INTO \"a \"\".\".\"t \n\" VALUES (1);", named(Some("a \"."), "t \n")),
        ] {
            assert_eq!(of(statement), Some((table, " VALUES (1);")), "{statement}");
        }
        for other in ["", "INSERT INTO t", "INSERT INTO .t VALUES (1);", "COPY t FROM stdin;"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn other_statements_are_none() {
        for statement in
            ["", "COPY", "COPY t", "COPY t (a", "COPY t (a) TO stdout;", "COPY t () FROM stdin;"]
        {
            assert_eq!(parse(statement), None, "{statement}");
        }
    }
}
