//! Tables of SQL, and properties: statements are complete for any chunk boundaries.

use proptest::prelude::*;

use super::*;

/// All statements of `text`, and how it ended, reading chunks of `size` bytes.
fn split_in(
    text: &[u8],
    standard_conforming_strings: bool,
    size: usize,
) -> (Vec<Vec<u8>>, Result<Ending, SplitError>) {
    let mut splitter = Splitter::new(standard_conforming_strings);
    let (mut statements, mut current) = (Vec::new(), Vec::new());
    for mut chunk in text.chunks(size) {
        while let Some(end) = splitter.statement_end(chunk) {
            current.extend_from_slice(&chunk[..end]);
            statements.push(std::mem::take(&mut current));
            chunk = &chunk[end..];
        }
        current.extend_from_slice(chunk);
    }
    (statements, splitter.finish())
}

fn split(text: &str, standard_conforming_strings: bool) -> Vec<String> {
    let (statements, _) = split_in(text.as_bytes(), standard_conforming_strings, usize::MAX);
    statements.into_iter().map(|s| String::from_utf8(s).unwrap().trim().to_owned()).collect()
}

#[test]
fn semicolon_in_quotes_or_comments_does_not_end() {
    for one in [
        "a';'b;",
        "a'it''s;';",
        "E'\\';';",
        "e'a''\\';';",
        "abcE'\\';",
        "n'\\';",
        "U&'\\003b\\';",
        "U&\"a;\" ;",
        "B'1;';",
        "x'f;';",
        "\"a;\"\"b;\";",
        "$$;$$;",
        "$a$;$b$;$$;$a;$a$;",
        "$a$;$$a$;",
        "$é$;$é$;",
        "a$b$ ;",
        "$1 ;",
        "-- ;\nx;",
        "/* ; /* ; */ ; */ x;",
        "/**;*/ /*/;*/ x;",
        "1 - 2 / 3 ;",
        "a -/* ; */ b;",
        "a /-- ;\n b;",
        "'a'\n'b;';",
        "E'a'\n'\\';';",
        "E'a' \t-- ';'\n  '\\';';",
        "E'a'-- ;\n;",
        "U & 'a;';",
    ] {
        assert_eq!(split(one, true), [one], "{one}");
        let two = format!("{one}{one}");
        assert_eq!(split(&two, true), [one, one], "{two}");
    }
}

#[test]
fn backslash_escapes_quote_only_in_nonconforming_strings() {
    let text = "'\\';'; x;";
    assert_eq!(split(text, false), ["'\\';';", "x;"]);
    assert_eq!(split("'\\'; x;", true), ["'\\';", "x;"]);
    // Bit strings and Unicode strings never treat backslashes as escapes.
    assert_eq!(split("b'\\'; x;", false), ["b'\\';", "x;"]);
    for one in ["B'\\'\n'\\';", "B'\\'-- '\n'\\';", "B'\\' -- '\n\t'\\';"] {
        assert_eq!(split(&format!("{one} x;"), false), [one, "x;"]);
    }
}

#[test]
fn separate_quotes_on_one_line_are_two_literals() {
    // The second literal is plain, without the escapes of `E`.
    assert_eq!(split("E'a' '\\'; x;", true), ["E'a' '\\';", "x;"]);
}

#[test]
fn truncated_text_is_an_error() {
    for text in ["x", "x; y", "x; 'y", "x; 'y'", "x; /* y", "x; -", "x; $a", "x; $a$;", "x; U&"] {
        let (_, ending) = split_in(text.as_bytes(), true, 1);
        let statements = u64::from(text.contains("x;"));
        assert_eq!(ending, Err(SplitError::InsideStatement { statements }), "{text}");
    }
}

#[test]
fn final_blank_lines_show_complete_data() {
    for (text, whole) in [
        ("\n\n", true),
        ("x;\ny;\n\n\n", true),
        ("", false),
        ("\n", false),
        ("x;", false),
        ("x;\n", false),
        ("x;\n\n", false),
        ("x;\n\n\n\n", false),
    ] {
        let (_, ending) = split_in(text.as_bytes(), true, usize::MAX);
        assert_eq!(ending.map(|e| e.has_final_blank_lines()), Ok(whole), "{text:?}");
    }
}

/// A complete piece of SQL without a semicolon outside quotes. The commas keep a literal from
/// continuing in the next one.
fn token() -> impl Strategy<Value = String> {
    let inside = "[a;$'\"\\\\ \n*/-]{0,6}";
    prop_oneof![
        "[a-z0-9_(),.=+]{1,5} ",
        inside.prop_map(|s| format!(", '{}' ", s.replace('\'', "''"))),
        inside.prop_map(|s| { format!(", E'{}' ", s.replace('\\', "\\\\").replace('\'', "\\'")) }),
        inside.prop_map(|s| format!(", U&'{}' ", s.replace('\'', "''"))),
        inside.prop_map(|s| format!(" \"{}\" ", s.replace('"', "\"\""))),
        inside.prop_map(|s| format!(" $q{}$q$ ", format_args!("${}", s.replace('$', "")))),
        inside.prop_map(|s| format!(" $${}$$ ", s.replace('$', ""))),
        inside.prop_map(|s| format!(" -- {}\n", s.replace('\n', ""))),
        "[a;$'\"\\\\ \n-]{0,6}".prop_map(|s| format!(" /* {s} /* {s} */ */ ")),
    ]
}

proptest! {
    #[test]
    fn joined_statements_are_split_again(
        statements in prop::collection::vec(prop::collection::vec(token(), 1..6), 0..5),
        size in 1usize..9,
    ) {
        // `x` before the semicolon keeps a literal from continuing in the next statement.
        let expected: Vec<Vec<u8>> =
            statements.iter().map(|s| format!("{} x;", s.concat()).into_bytes()).collect();
        let (found, ending) = split_in(&expected.concat(), true, size);
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(ending.map(|e| e.statements), Ok(expected.len() as u64));
    }

    #[test]
    fn chunk_boundaries_do_not_matter(
        text in "[a-cEeUuBx0-9&;$'\"\\\\ \n*/-]{0,60}",
        size in 1usize..8,
        standard_conforming_strings: bool,
    ) {
        let whole = split_in(text.as_bytes(), standard_conforming_strings, usize::MAX);
        let cut = split_in(text.as_bytes(), standard_conforming_strings, size);
        prop_assert_eq!(whole, cut);
    }
}

#[test]
fn insert_rows_are_counted_or_zero() {
    for (statement, rows) in [
        ("INSERT INTO s.t VALUES (1, 'a);(', -2);", 1),
        ("INSERT INTO t (a, \"b(\") OVERRIDING SYSTEM VALUE VALUES\n\t(1, f('(')),\n\t(2, '');", 2),
        ("INSERT INTO t DEFAULT VALUES;", 0),
        ("INSERT INTO t VALUES (1), (2) ON CONFLICT DO NOTHING;", 0),
    ] {
        for size in [1, 3, usize::MAX] {
            let mut splitter = Splitter::new(true);
            // One before it must not count.
            let before = splitter.statement_end(b"INSERT INTO t VALUES (1), (2), (3);");
            assert!(before.is_some());
            for chunk in statement.as_bytes().chunks(size) {
                let _ = splitter.statement_end(chunk);
            }
            assert_eq!(splitter.rows(), rows, "{statement} in chunks of {size}");
        }
    }
}
