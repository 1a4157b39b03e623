//! Quotes identifiers and literals like PostgreSQL's `quote_identifier` and `fmtId`
//! (`src/fe_utils/string_utils.c`), so that statements match pg_restore's.

use std::borrow::Cow;

/// `name`, in double quotes if SQL requires them.
///
/// Quotes are required unless the name consists of lower-case ASCII letters, digits and
/// underscores, does not start with a digit, and is not a keyword (other than an unreserved one).
#[must_use]
pub fn quoted(name: &str) -> Cow<'_, str> {
    let mut bytes = name.bytes();
    let plain = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain && KEYWORDS.binary_search(&name).is_err() {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
    }
}

/// `schema.name`, each quoted if required; only the name if there is no schema.
#[must_use]
pub fn qualified(schema: Option<&str>, name: &str) -> String {
    match schema {
        Some(schema) if !schema.is_empty() => format!("{}.{}", quoted(schema), quoted(name)),
        _ => quoted(name).into_owned(),
    }
}

/// `text` as a string literal that is valid under either `standard_conforming_strings` setting.
#[must_use]
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// `text` as a plain string literal for a session with a known `standard_conforming_strings`, as in
/// pg_restore's scripts (`appendStringLiteral` in `string_utils.c`).
#[must_use]
pub fn plain_literal(text: &str, standard_conforming_strings: bool) -> String {
    let doubled = text.replace('\'', "''");
    if standard_conforming_strings {
        format!("'{doubled}'")
    } else {
        format!("'{}'", doubled.replace('\\', "\\\\"))
    }
}

/// The keywords that are not "unreserved" in PostgreSQL 18 (`src/include/parser/kwlist.h`), sorted.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization",
    "between", "bigint", "binary", "bit", "boolean", "both", "case", "cast", "char", "character",
    "check", "coalesce", "collate", "collation", "column", "concurrently", "constraint", "create",
    "cross", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "dec", "decimal", "default", "deferrable", "desc",
    "distinct", "do", "else", "end", "except", "exists", "extract", "false", "fetch", "float",
    "for", "foreign", "freeze", "from", "full", "grant", "greatest", "group", "grouping", "having",
    "ilike", "in", "initially", "inner", "inout", "int", "integer", "intersect", "interval",
    "into", "is", "isnull", "join", "json", "json_array", "json_arrayagg", "json_exists",
    "json_object", "json_objectagg", "json_query", "json_scalar", "json_serialize", "json_table",
    "json_value", "lateral", "leading", "least", "left", "like", "limit", "localtime",
    "localtimestamp", "merge_action", "national", "natural", "nchar", "none", "normalize", "not",
    "notnull", "null", "nullif", "numeric", "offset", "on", "only", "or", "order", "out", "outer",
    "overlaps", "overlay", "placing", "position", "precision", "primary", "real", "references",
    "returning", "right", "row", "select", "session_user", "setof", "similar", "smallint", "some",
    "substring", "symmetric", "system_user", "table", "tablesample", "then", "time", "timestamp",
    "to", "trailing", "treat", "trim", "true", "union", "unique", "user", "using", "values",
    "varchar", "variadic", "verbose", "when", "where", "window", "with", "xmlattributes",
    "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi",
    "xmlroot", "xmlserialize", "xmltable",
];

/// An array of OIDs.
pub(crate) fn oid_array<T: ToString>(oids: impl IntoIterator<Item = T>) -> String {
    let oids: Vec<String> = oids.into_iter().map(|oid| oid.to_string()).collect();
    format!("'{{{}}}'::pg_catalog.oid[]", oids.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn plain_names_stay_bare_and_others_are_quoted() {
        for name in ["users", "_x", "a1", "abort"] {
            assert_eq!(quoted(name), name);
        }
        for (name, expected) in [
            ("knowledge-elements", "\"knowledge-elements\""),
            ("Users", "\"Users\""),
            ("1st", "\"1st\""),
            ("", "\"\""),
            ("select", "\"select\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("été", "\"été\""),
        ] {
            assert_eq!(quoted(name), expected);
        }
    }

    #[test]
    fn literals_double_quotes_and_escape_backslashes() {
        assert_eq!(literal("O'Hara"), "'O''Hara'");
        assert_eq!(literal("a\\b"), "E'a\\\\b'");
        assert_eq!(plain_literal("O'\\", true), "'O''\\'");
        assert_eq!(plain_literal("O'\\", false), "'O''\\\\'");
    }
}
