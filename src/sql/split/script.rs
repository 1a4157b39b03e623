//! A handwritten script: the input of `psql -f`, without psql's own commands.

use super::lexer::Splitter;

/// A statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The line it starts on, from 1, without comments before it.
    pub line: u32,
    /// Its text, with its semicolon.
    pub sql: String,
}

impl Statement {
    /// The line of a position in the statement, which servers count in characters from 1.
    #[must_use]
    pub fn line_of(&self, position: u32) -> u32 {
        let before = self.sql.chars().take(position.saturating_sub(1) as usize);
        let lines = before.filter(|character| *character == '\n').count();
        self.line + u32::try_from(lines).unwrap_or(u32::MAX - self.line)
    }
}

/// Why a text is not a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// A backslash outside quotes and comments.
    #[error("line {line}: psql backslash commands are not supported")]
    Command {
        /// The line it is in, from 1.
        line: u32,
    },
    /// Rows between statements are not supported.
    #[error("line {line}: COPY FROM STDIN is not supported in a script")]
    Rows {
        /// The line the statement starts on.
        line: u32,
    },
    /// A quote, a comment or a parenthesis is never closed.
    #[error("the statement on line {line} is not terminated")]
    Unfinished {
        /// The line it starts on.
        line: u32,
    },
}

impl SplitError {
    /// The line of the error.
    #[must_use]
    pub fn line(self) -> u32 {
        match self {
            Self::Command { line } | Self::Rows { line } | Self::Unfinished { line } => line,
        }
    }
}

/// Splits a script. As with psql, the last statement needs no semicolon.
///
/// # Errors
/// [`SplitError`], with the first line that cannot be parsed.
pub fn statements(text: &str) -> Result<Vec<Statement>, SplitError> {
    // Some editors write a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Only what follows a last "-" or "/" tells whether it begins a comment.
    let text = &format!("{text}\n");
    let mut splitter = Splitter::for_script();
    let mut found = Vec::new();
    // The start of the current statement: its line and its first byte.
    let mut begun: Option<(u32, usize)> = None;
    let (mut line, mut at) = (0, 0);
    for content in text.split_inclusive('\n') {
        line += 1;
        let end = at + content.len();
        // A comment from earlier lines may end here; the statement starts after it.
        while at < end && !splitter.has_content() && splitter.finish().is_err() {
            // No statement ends inside a comment.
            let _ = splitter.statement_end(&text.as_bytes()[at..=at]);
            at += 1;
        }
        loop {
            let length = splitter.statement_end(&text.as_bytes()[at..end]);
            let start = begun.unwrap_or((line, at));
            check(&splitter, line, start.0)?;
            let Some(length) = length else { break };
            found.extend(statement(&text[start.1..at + length], start.0));
            begun = None;
            at += length;
        }
        if splitter.has_content() {
            begun.get_or_insert((line, at));
        }
        at = end;
    }
    if let Some((line, start)) = begun {
        // Between tokens, only a semicolon can be missing.
        if splitter.statement_end(b"\n;").is_none() {
            return Err(SplitError::Unfinished { line });
        }
        check(&splitter, line, line)?;
        found.extend(statement(&text[start..], line));
    } else if splitter.finish().is_err() {
        return Err(SplitError::Unfinished { line });
    }
    Ok(found)
}

fn check(splitter: &Splitter, line: u32, start: u32) -> Result<(), SplitError> {
    match splitter.nesting() {
        Some(nesting) if nesting.has_command => Err(SplitError::Command { line }),
        Some(nesting) if nesting.wants_rows => Err(SplitError::Rows { line: start }),
        _ => Ok(()),
    }
}

fn statement(text: &str, line: u32) -> Option<Statement> {
    let sql = text.trim();
    (sql != ";").then(|| Statement { line, sql: sql.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str) -> Vec<(u32, String)> {
        let found = statements(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        found.into_iter().map(|statement| (statement.line, statement.sql)).collect()
    }

    fn texts(text: &str) -> Vec<String> {
        split(text).into_iter().map(|(_, sql)| sql).collect()
    }

    #[test]
    fn statements_have_their_starting_line() {
        let text = "\u{feff}-- head\n\nSELECT 1; SELECT\n2;\r\n/* a\nb */ SELECT '\n;\n';;\n-- end\nSELECT 3";
        assert_eq!(
            split(text),
            [
                (3, "SELECT 1;".to_owned()),
                (3, "SELECT\n2;".to_owned()),
                (6, "SELECT '\n;\n';".to_owned()),
                (10, "SELECT 3".to_owned()),
            ]
        );
    }

    #[test]
    fn operator_at_the_very_end_belongs_to_the_last_statement() {
        for last in ["-", "/", "SELECT 1 -", "SELECT 1 /"] {
            assert_eq!(texts(&format!("SELECT 2;\n{last}")), ["SELECT 2;", last]);
        }
    }

    #[test]
    fn position_in_statement_maps_to_line() {
        let statement = Statement { line: 7, sql: "SELÉCT 1,\nx,\ny;".to_owned() };
        assert_eq!([1, 10, 11, 14].map(|position| statement.line_of(position)), [7, 7, 8, 9]);
    }

    #[test]
    fn semicolons_in_parentheses_and_bodies_do_not_end() {
        for one in [
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;",
            "create or replace procedure p() begin atomic select case when 1 = 1 then 2 end; end;",
            "CREATE FUNCTION f(begin int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1; SELECT 2$$;",
            "DO $$BEGIN PERFORM 1; END$$;",
        ] {
            assert_eq!(texts(&format!("{one}\nSELECT 9;")), [one, "SELECT 9;"]);
        }
        // These have no body.
        for text in [
            "BEGIN; COMMIT;",
            "CREATE TABLE begin (a int); END;",
            "CREATE VIEW f AS SELECT 1 AS begin; END;",
        ] {
            assert_eq!(texts(text).len(), 2, "{text}");
        }
    }

    #[test]
    fn word_ending_like_a_keyword_is_not_one() {
        for text in [
            "CREATE FUNCTION f() RETURNS x_begin; SELECT 1;",
            "CREATE FUNCTION f() RETURNS beginning; SELECT 1;",
        ] {
            assert_eq!(texts(text).len(), 2, "{text}");
        }
    }

    #[test]
    fn psql_only_syntax_is_refused_with_its_line() {
        assert_eq!(statements("SELECT 1;\n\\i more.sql\n"), Err(SplitError::Command { line: 2 }));
        assert_eq!(statements("SELECT 1 \\gset\n"), Err(SplitError::Command { line: 1 }));
        assert_eq!(texts("SELECT '\\i', E'\\'', \"\\\" -- \\\n;").len(), 1);
        assert_eq!(
            statements("SELECT 1;\nCOPY t (a)\nFROM stdin;\n1\n\\.\n"),
            Err(SplitError::Rows { line: 2 })
        );
        assert_eq!(texts("COPY (SELECT a FROM stdin) TO '/x'; COPY t FROM '/x';").len(), 2);
    }

    #[test]
    fn unterminated_statement_reports_its_first_line() {
        for text in ["\nSELECT '1;\n", "\nSELECT (1;\n", "\n\nSELECT 1 /* ;", "\n  SELECT $$;\n\n"]
        {
            let line = if text.starts_with("\n\n") { 3 } else { 2 };
            assert_eq!(statements(text), Err(SplitError::Unfinished { line }), "{text}");
        }
        assert_eq!(statements("SELECT 1;\n/* never"), Err(SplitError::Unfinished { line: 2 }));
        assert_eq!(statements("-- only a comment"), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn plain_statements_are_split(
            words in proptest::collection::vec("[a-z \n]{1,12}", 1..20)
        ) {
            let text: String = words.iter().map(|word| format!("x{word};\n")).collect();
            let expected: Vec<String> = words.iter().map(|word| format!("x{word};").trim().to_owned()).collect();
            prop_assert_eq!(texts(&text), expected);
        }
    }
}
