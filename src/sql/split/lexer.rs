//! [`Splitter`]: a state machine that finds the semicolons that end statements.
//!
//! # For those who change it
//!
//! Every state must be complete in itself: a chunk may end after any byte, so a decision that needs
//! the next byte is a state of its own (`Dash`, `Slash`, `AfterQuote`…), never a look at
//! `input[at + 1]`. A state that finds the byte is not for it goes back to `Normal` without
//! consuming it. The property test that cuts the input everywhere holds this.

use memchr::{memchr, memchr2};

/// Finds the ends of SQL statements in text that comes in chunks.
///
/// The text must be in an encoding in which bytes below 0x80 always are ASCII characters: UTF-8 and
/// everything a server can store. Text in SJIS, BIG5, GBK, UHC, JOHAB or GB18030 must be decoded
/// first, or a backslash that is half of a character is taken for an escape.
#[derive(Clone, Debug)]
pub struct Splitter {
    standard_conforming_strings: bool,
    state: State,
    /// The tag of the dollar quote that is open or being read, without its dollar signs.
    tag: Vec<u8>,
    /// Whether the current statement holds anything but white space and comments.
    content: bool,
    statements: u64,
    /// Line feeds since the last statement, or since the start.
    line_feeds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Normal,
    /// In a keyword, a bare identifier or a number.
    Word(Prefix),
    /// After `U&`.
    UnicodePrefix,
    /// After one `-`.
    Dash,
    /// After one `/`.
    Slash,
    LineComment,
    BlockComment {
        depth: u32,
        last: u8,
    },
    /// In a string literal; `escapes` says whether a backslash protects the next byte.
    Literal {
        escapes: bool,
    },
    /// After a backslash in a string literal with escapes.
    Escaped,
    /// After a quote that may have ended a literal. The literal goes on when another quote follows
    /// at once (a doubled quote), or after white space that holds a line feed.
    AfterQuote {
        escapes: bool,
        space: Space,
    },
    /// After one `-` in that white space.
    AfterQuoteDash {
        escapes: bool,
    },
    /// In a comment in that white space.
    AfterQuoteComment {
        escapes: bool,
    },
    QuotedIdentifier,
    /// After a `$` that may open a dollar quote; its tag so far is in `tag`.
    DollarTag,
    /// In a dollar quote: how many bytes of its closing delimiter have matched.
    DollarQuoted {
        matched: usize,
    },
}

/// What a word is so far, where that gives a meaning to a quote behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    /// `E`: escapes.
    Escape,
    /// `B` or `X`: never escapes.
    Bits,
    /// `U`: perhaps `U&'…'`.
    Unicode,
    /// Any other word.
    None,
}

/// What lies between a closing quote and the place looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    None,
    Blank,
    LineFeed,
}

/// How text that was split ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Statements found.
    pub statements: u64,
    /// Line feeds after the last statement, or in all when there was none.
    pub line_feeds: u64,
}

impl Ending {
    /// Whether the text ends as pg_dump ends INSERT data: two blank lines after the last
    /// statement's own line (`dumpTableData_insert` in `pg_dump.c`).
    ///
    /// Nothing else in INSERT data tells that it is whole: a file cut behind any statement is
    /// valid SQL.
    #[must_use]
    pub fn has_final_blank_lines(&self) -> bool {
        self.line_feeds == if self.statements == 0 { 2 } else { 3 }
    }
}

/// Why text that was split is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Something follows the last semicolon.
    #[error("the data ends inside a statement (after {statements} whole ones)")]
    InsideStatement {
        /// Statements before it.
        statements: u64,
    },
    /// pg_dump's two blank lines at the end are not there.
    #[error("the data ends after {statements} statements without pg_dump's final blank lines")]
    NoFinalBlankLines {
        /// Statements found.
        statements: u64,
    },
    /// A statement is longer than PostgreSQL can take.
    #[error("statement {number} is longer than {limit} bytes")]
    TooLong {
        /// Which one, from 1.
        number: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

impl Splitter {
    /// A splitter at the start of text.
    ///
    /// `standard_conforming_strings` is the archive's setting (its STDSTRINGS entry): when off, a
    /// backslash in a plain `'…'` protects the byte behind it.
    #[must_use]
    pub fn new(standard_conforming_strings: bool) -> Self {
        Self {
            standard_conforming_strings,
            state: State::Normal,
            tag: Vec::new(),
            content: false,
            statements: 0,
            line_feeds: 0,
        }
    }

    /// Reads on. `Some(n)`: a statement ends with byte `n - 1` of `input`, and the rest is to be
    /// given again. `None`: all of `input` is read, and the statement goes on.
    #[must_use]
    pub fn statement_end(&mut self, input: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            at += match self.state {
                State::Normal => {
                    if self.normal(byte) {
                        return Some(at + 1);
                    }
                    1
                }
                State::Word(prefix) => self.word(prefix, byte),
                State::UnicodePrefix => match byte {
                    b'\'' => self.to(State::Literal { escapes: false }),
                    _ => self.back_to_normal(),
                },
                State::Dash => match byte {
                    b'-' => self.to(State::LineComment),
                    _ => self.operator(),
                },
                State::Slash => match byte {
                    b'*' => self.to(State::BlockComment { depth: 1, last: 0 }),
                    _ => self.operator(),
                },
                State::LineComment => {
                    let end = memchr2(b'\n', b'\r', &input[at..]);
                    // The line feed itself is left: it counts.
                    end.inspect(|_| self.state = State::Normal).unwrap_or(input.len() - at)
                }
                State::BlockComment { depth, last } => self.block_comment(depth, last, byte),
                State::Literal { escapes } => self.literal(escapes, &input[at..]),
                State::Escaped => self.to(State::Literal { escapes: true }),
                State::AfterQuote { escapes, space } => self.after_quote(escapes, space, byte),
                State::AfterQuoteDash { escapes } => match byte {
                    b'-' => self.to(State::AfterQuoteComment { escapes }),
                    _ => self.back_to_normal(),
                },
                State::AfterQuoteComment { escapes } => match byte {
                    b'\n' | b'\r' => self.to(State::AfterQuote { escapes, space: Space::LineFeed }),
                    _ => 1,
                },
                State::QuotedIdentifier => match memchr(b'"', &input[at..]) {
                    Some(end) => {
                        self.state = State::Normal;
                        end + 1
                    }
                    None => input.len() - at,
                },
                State::DollarTag => self.dollar_tag(byte),
                State::DollarQuoted { matched } => self.dollar_quoted(matched, &input[at..]),
            };
        }
        None
    }

    /// Ends the text.
    ///
    /// # Errors
    /// [`SplitError::InsideStatement`] when anything but white space and whole comments follows
    /// the last semicolon.
    pub fn finish(&self) -> Result<Ending, SplitError> {
        let statements = self.statements;
        match self.state {
            State::Normal | State::LineComment if !self.content => {
                Ok(Ending { statements, line_feeds: self.line_feeds })
            }
            _ => Err(SplitError::InsideStatement { statements }),
        }
    }

    /// How many statements have ended so far.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements
    }

    /// One byte between tokens, which is consumed. Tells whether it ends a statement.
    fn normal(&mut self, byte: u8) -> bool {
        match byte {
            b';' => {
                self.content = false;
                self.statements += 1;
                self.line_feeds = 0;
                return true;
            }
            b'\n' => self.line_feeds += 1,
            b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c' => {}
            b'-' => self.state = State::Dash,
            b'/' => self.state = State::Slash,
            _ => {
                self.content = true;
                self.state = match byte {
                    b'\'' => State::Literal { escapes: !self.standard_conforming_strings },
                    b'"' => State::QuotedIdentifier,
                    b'$' => {
                        self.tag.clear();
                        State::DollarTag
                    }
                    b'e' | b'E' => State::Word(Prefix::Escape),
                    b'b' | b'B' | b'x' | b'X' => State::Word(Prefix::Bits),
                    b'u' | b'U' => State::Word(Prefix::Unicode),
                    _ if is_word(byte) => State::Word(Prefix::None),
                    _ => State::Normal,
                };
            }
        }
        false
    }

    fn word(&mut self, prefix: Prefix, byte: u8) -> usize {
        match (prefix, byte) {
            (Prefix::Escape, b'\'') => self.to(State::Literal { escapes: true }),
            (Prefix::Bits, b'\'') => self.to(State::Literal { escapes: false }),
            (Prefix::Unicode, b'&') => self.to(State::UnicodePrefix),
            // A dollar sign inside a word opens no quote.
            (_, b'$') => self.to(State::Word(Prefix::None)),
            _ if is_word(byte) => self.to(State::Word(Prefix::None)),
            _ => self.back_to_normal(),
        }
    }

    fn literal(&mut self, escapes: bool, rest: &[u8]) -> usize {
        let end = if escapes { memchr2(b'\'', b'\\', rest) } else { memchr(b'\'', rest) };
        let Some(end) = end else { return rest.len() };
        self.state = if rest[end] == b'\\' {
            State::Escaped
        } else {
            State::AfterQuote { escapes, space: Space::None }
        };
        end + 1
    }

    fn after_quote(&mut self, escapes: bool, space: Space, byte: u8) -> usize {
        match (byte, space) {
            (b'\'', Space::None | Space::LineFeed) => self.to(State::Literal { escapes }),
            (b'\n' | b'\r', _) => self.to(State::AfterQuote { escapes, space: Space::LineFeed }),
            (b' ' | b'\t' | b'\x0b' | b'\x0c', Space::None) => {
                self.to(State::AfterQuote { escapes, space: Space::Blank })
            }
            (b' ' | b'\t' | b'\x0b' | b'\x0c', _) => 1,
            (b'-', _) => self.to(State::AfterQuoteDash { escapes }),
            _ => self.back_to_normal(),
        }
    }

    fn block_comment(&mut self, depth: u32, last: u8, byte: u8) -> usize {
        self.state = match (last, byte) {
            (b'/', b'*') => State::BlockComment { depth: depth.saturating_add(1), last: 0 },
            (b'*', b'/') if depth == 1 => State::Normal,
            (b'*', b'/') => State::BlockComment { depth: depth - 1, last: 0 },
            _ => State::BlockComment { depth, last: byte },
        };
        1
    }

    fn dollar_tag(&mut self, byte: u8) -> usize {
        match byte {
            b'$' => self.to(State::DollarQuoted { matched: 0 }),
            // `$1` is a parameter: no tag begins with a digit.
            b'0'..=b'9' if self.tag.is_empty() => self.to(State::Word(Prefix::None)),
            _ if is_word(byte) => {
                self.tag.push(byte);
                1
            }
            _ => self.back_to_normal(),
        }
    }

    fn dollar_quoted(&mut self, matched: usize, rest: &[u8]) -> usize {
        if matched == 0 {
            let Some(dollar) = memchr(b'$', rest) else { return rest.len() };
            self.state = State::DollarQuoted { matched: 1 };
            return dollar + 1;
        }
        let byte = rest[0];
        self.state = if matched > self.tag.len() && byte == b'$' {
            State::Normal
        } else if self.tag.get(matched - 1) == Some(&byte) {
            State::DollarQuoted { matched: matched + 1 }
        } else {
            // A tag holds no dollar sign, so only a dollar sign can begin a new match.
            State::DollarQuoted { matched: usize::from(byte == b'$') }
        };
        1
    }

    /// Goes to `state` and consumes the byte.
    fn to(&mut self, state: State) -> usize {
        self.state = state;
        1
    }

    /// Goes back between tokens and leaves the byte to be looked at again.
    fn back_to_normal(&mut self) -> usize {
        self.state = State::Normal;
        0
    }

    /// A `-` or `/` turned out to be an operator and not a comment.
    fn operator(&mut self) -> usize {
        self.content = true;
        self.back_to_normal()
    }
}

/// Whether a byte can stand in an identifier or a number (but for `$`).
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All statements of `text`, and how it ended, with `text` given in chunks of `size` bytes.
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
    fn a_semicolon_in_quotes_or_comments_ends_nothing() {
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
    fn a_backslash_protects_a_quote_only_when_strings_do_not_conform() {
        let text = "'\\';'; x;";
        assert_eq!(split(text, false), ["'\\';';", "x;"]);
        assert_eq!(split("'\\'; x;", true), ["'\\';", "x;"]);
        // Bit strings and Unicode strings know no backslash in either case.
        assert_eq!(split("b'\\'; x;", false), ["b'\\';", "x;"]);
        for one in ["B'\\'\n'\\';", "B'\\'-- '\n'\\';", "B'\\' -- '\n\t'\\';"] {
            assert_eq!(split(&format!("{one} x;"), false), [one, "x;"]);
        }
    }

    #[test]
    fn quotes_apart_on_one_line_are_two_literals() {
        // The second literal is a plain one, without E's escapes.
        assert_eq!(split("E'a' '\\'; x;", true), ["E'a' '\\';", "x;"]);
    }

    #[test]
    fn text_that_ends_in_the_middle_is_an_error() {
        for text in ["x", "x; y", "x; 'y", "x; 'y'", "x; /* y", "x; -", "x; $a", "x; $a$;", "x; U&"]
        {
            let (_, ending) = split_in(text.as_bytes(), true, 1);
            let statements = u64::from(text.contains("x;"));
            assert_eq!(ending, Err(SplitError::InsideStatement { statements }), "{text}");
        }
    }

    #[test]
    fn the_final_blank_lines_of_pg_dump_tell_that_data_is_whole() {
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

    /// A piece of SQL that is whole in itself and holds no semicolon outside quotes.
    fn token() -> impl Strategy<Value = String> {
        let inside = "[a;$'\"\\\\ \n*/-]{0,6}";
        prop_oneof![
            "[a-z0-9_(),.=+]{1,5} ",
            inside.prop_map(|s| format!(" '{}' ", s.replace('\'', "''"))),
            inside
                .prop_map(|s| { format!(" E'{}' ", s.replace('\\', "\\\\").replace('\'', "\\'")) }),
            inside.prop_map(|s| format!(" U&'{}' ", s.replace('\'', "''"))),
            inside.prop_map(|s| format!(" \"{}\" ", s.replace('"', "\"\""))),
            inside.prop_map(|s| format!(" $q{}$q$ ", format_args!("${}", s.replace('$', "")))),
            inside.prop_map(|s| format!(" $${}$$ ", s.replace('$', ""))),
            inside.prop_map(|s| format!(" -- {}\n", s.replace('\n', ""))),
            "[a;$'\"\\\\ \n-]{0,6}".prop_map(|s| format!(" /* {s} /* {s} */ */ ")),
        ]
    }

    proptest! {
        #[test]
        fn statements_come_out_as_they_were_put_together(
            statements in prop::collection::vec(prop::collection::vec(token(), 1..6), 0..5),
            size in 1usize..9,
        ) {
            // `x` before the semicolon keeps a literal from going on in the next statement.
            let expected: Vec<Vec<u8>> =
                statements.iter().map(|s| format!("{} x;", s.concat()).into_bytes()).collect();
            let (found, ending) = split_in(&expected.concat(), true, size);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(ending.map(|e| e.statements), Ok(expected.len() as u64));
        }

        #[test]
        fn where_chunks_end_changes_nothing(
            text in "[a-cEeUuBx0-9&;$'\"\\\\ \n*/-]{0,60}",
            size in 1usize..8,
            standard_conforming_strings: bool,
        ) {
            let whole = split_in(text.as_bytes(), standard_conforming_strings, usize::MAX);
            let cut = split_in(text.as_bytes(), standard_conforming_strings, size);
            prop_assert_eq!(whole, cut);
        }
    }
}
