//! Tests of filter files.

use proptest::prelude::*;

use super::*;

fn one(text: &str) -> FilterItem {
    let mut items = FilterFile::parse(text.as_bytes()).unwrap().items;
    assert_eq!(items.len(), 1, "{text:?}");
    items.remove(0)
}

fn error(text: &str) -> String {
    FilterFile::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn each_line_acts_like_its_option() {
    let text = "# a comment\n\n  include table orders # and another\n\
        INCLUDE Index orders_pkey\r\ninclude function f(integer)\ninclude schema shop\n\
        include trigger orders audit\n\texclude\tschema\ttemp";
    let mut options = SelectOptions { tables: vec!["first".into()], ..Default::default() };
    FilterFile::parse(text.as_bytes()).unwrap().apply(&mut options);
    let expected = SelectOptions {
        tables: vec!["first".into(), "orders".into()],
        indexes: vec!["orders_pkey".into()],
        functions: vec!["f(integer)".into()],
        schemas: vec!["shop".into()],
        triggers: vec!["orders audit".into()],
        exclude_schemas: vec!["temp".into()],
        ..Default::default()
    };
    assert_eq!(options, expected);
}

#[test]
fn spaces_are_normalized_as_in_archived_signatures() {
    for (written, read) in [
        ("f ( integer ,text )", "f(integer, text)"),
        ("f(timestamp   with  time zone)", "f(timestamp with time zone)"),
        ("s . t", "s.t"),
        ("a#b", "a"),
        ("my   table", "my table"),
        ("\"My  Table\"", "\"My  Table\""),
        ("s.\"T\" x", "s.\"T\" x"),
        ("a \"b\"", "a \"b\""),
        ("\"a\"\"b\"", "\"a\"\"b\""),
        ("\"#\"", "\"#\""),
        (r#""a\nb\\c\td""#, "\"a\nb\\cd\""),
        ("\"two\r\nlines\" # end", "\"two\nlines\""),
    ] {
        assert_eq!(one(&format!("include table {written}\n")).name, read, "{written:?}");
    }
}

#[test]
fn lines_are_counted_through_quoted_names() {
    let text = "include table \"a\nb\nc\"\ninclude view x\n";
    assert_eq!(error(text), "line 4: unknown object type \"view\"");
}

#[test]
fn errors_name_the_problem_and_the_place() {
    for (text, expected) in [
        (
            "\nwith table x\n",
            "line 2: unknown command \"with\" (expected \"include\" or \"exclude\")",
        ),
        (
            "include#x\n",
            "line 1: unknown command \"include#x\" (expected \"include\" or \"exclude\")",
        ),
        ("include\n", "line 1: missing object type"),
        ("include table \n", "line 1: missing table name"),
        ("include table # x\n", "line 1: missing table name"),
        ("\ninclude table \"x\n\n", "line 2: unterminated quoted name"),
        ("include table \"x\\", "line 1: unterminated quoted name"),
        ("exclude table x\n", "line 1: exclude \"table\" works only in pg_dump, not in a restore"),
    ] {
        assert_eq!(error(text), expected, "{text:?}");
    }
    let error = FilterFile::parse(b"include table caf\xe9\n").unwrap_err();
    assert_eq!(error.kind, FilterErrorKind::NotUtf8);
    // Elsewhere other encodings are harmless.
    assert_eq!(FilterFile::parse(b"# caf\xe9\ninclude table x").unwrap().items.len(), 1);
}

#[test]
fn exactly_pg_restores_syntax_is_accepted() {
    let mut taken = Vec::new();
    for command in ["include", "exclude"] {
        for kind in KINDS {
            match FilterFile::parse(format!("{command} {kind} x").as_bytes()) {
                Ok(_) => taken.push(format!("{command} {kind}")),
                Err(error) => {
                    assert!(matches!(error.kind, FilterErrorKind::NotForRestore { .. }));
                }
            }
        }
    }
    let expected = [
        "include function",
        "include index",
        "include schema",
        "include table",
        "include trigger",
        "exclude schema",
    ];
    assert_eq!(taken, expected);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(text: Vec<u8>) {
        let _ = FilterFile::parse(&text);
    }

    #[test]
    fn any_quoted_name_is_read_verbatim(name in "[^\r\0]{0,20}") {
        let escaped = name.replace('\\', r"\\").replace('"', "\"\"");
        let read = one(&format!("include table \"{escaped}\"")).name;
        prop_assert_eq!(read, format!("\"{}\"", name.replace('"', "\"\"")));
    }
}
