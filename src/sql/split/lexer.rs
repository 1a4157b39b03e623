//! [`Splitter`]: a state machine that finds the semicolons that end statements.
//!
//! # Changing it
//!
//! Every state must be self-contained: a chunk may end after any byte, so a decision that depends
//! on the next byte is a separate state (`Dash`, `Slash`, `AfterQuote`…), never a look at the
//! following byte. A state that cannot handle a byte returns to `Normal` without consuming it. A property
//! test that cuts the input everywhere checks this.

use memchr::{memchr, memchr2};

use super::ending::{Ending, SplitError};
use super::nesting::Nesting;

/// Finds the ends of SQL statements in text that arrives in chunks.
///
/// The text must be in an encoding in which bytes below 0x80 are always ASCII characters: UTF-8 and
/// every server encoding. Text in SJIS, BIG5, GBK, UHC, JOHAB or GB18030 must be decoded first, or
/// a backslash that is half of a character is mistaken for an escape.
#[derive(Clone, Debug)]
pub struct Splitter {
    standard_conforming_strings: bool,
    state: State,
    /// The tag of the dollar quote that is open or being read, without its dollar signs.
    tag: Vec<u8>,
    /// Whether the current statement contains anything but white space and comments.
    content: bool,
    statements: u64,
    /// Open parentheses.
    depth: u32,
    /// Pairs of top-level parentheses after the last top-level word of the current statement, or of
    /// the last one.
    groups: u64,
    /// Line feeds since the last statement, or since the start.
    line_feeds: u64,
    /// For handwritten scripts, not for data.
    nesting: Option<Nesting>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Normal,
    /// In a keyword, an unquoted identifier or a number.
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
    /// In a string literal; `escapes` is whether a backslash escapes the next byte.
    Literal {
        escapes: bool,
    },
    /// After a backslash in a string literal with escapes.
    Escaped,
    /// After a quote that may have ended a literal. The literal continues if another quote follows
    /// immediately (a doubled quote), or after white space with a line feed.
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
    /// In a dollar quote: the number of bytes of its closing delimiter matched so far.
    DollarQuoted {
        matched: usize,
    },
}

/// The current word, if it affects a quote after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    /// `E`: escapes.
    Escape,
    /// `B` or `X`: never escapes.
    Bits,
    /// `U`: possibly `U&'…'`.
    Unicode,
    /// Any other word.
    None,
}

/// The text between a closing quote and the current byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    None,
    Blank,
    LineFeed,
}

impl Splitter {
    /// A splitter at the start of text.
    ///
    /// `standard_conforming_strings` is the archive's setting (its STDSTRINGS entry): if off, a
    /// backslash in a plain `'…'` escapes the next byte.
    #[must_use]
    pub fn new(standard_conforming_strings: bool) -> Self {
        Self {
            standard_conforming_strings,
            state: State::Normal,
            tag: Vec::new(),
            content: false,
            statements: 0,
            depth: 0,
            groups: 0,
            line_feeds: 0,
            nesting: None,
        }
    }

    /// A splitter for [`super::script`].
    pub(super) fn for_script() -> Self {
        Self { nesting: Some(Nesting::default()), ..Self::new(true) }
    }

    /// The findings in the script.
    pub(super) fn nesting(&self) -> Option<&Nesting> {
        self.nesting.as_ref()
    }

    /// Whether anything but white space and comments has followed the last statement.
    pub(super) fn has_content(&self) -> bool {
        self.content
    }

    /// Reads more text. `Some(n)`: a statement ends with byte `n - 1` of `input`; pass the rest
    /// again. `None`: all of `input` is read, and the statement continues.
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
                State::Word(Prefix::None) => {
                    let rest = &input[at..];
                    let end = rest.iter().position(|&byte| !is_word(byte) && byte != b'$');
                    if let Some(nesting) = &mut self.nesting {
                        nesting.read(&rest[..end.unwrap_or(rest.len())]);
                    }
                    end.inspect(|_| self.end_word()).unwrap_or(rest.len())
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
                    // The line feed itself is not consumed, so that it is counted.
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
    /// [`SplitError::InsideStatement`] when anything but white space and complete comments follows
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

    /// The number of statements that have ended so far.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements
    }

    /// The rows of the last INSERT statement, in pg_dump's form: `… VALUES (1), (2);`. 0 if it does
    /// not show its number of rows: `DEFAULT VALUES;`, `… ON CONFLICT DO NOTHING;`.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.groups
    }

    /// Consumes one byte between tokens. Returns whether it ends a statement.
    fn normal(&mut self, byte: u8) -> bool {
        match byte {
            b';' if self.nesting.as_ref().is_some_and(|nesting| !nesting.may_end()) => {}
            b';' => {
                self.content = false;
                self.statements += 1;
                self.line_feeds = 0;
                if let Some(nesting) = &mut self.nesting {
                    nesting.restart();
                }
                return true;
            }
            b'\n' => self.line_feeds += 1,
            b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c' => {}
            b'-' => self.state = State::Dash,
            b'/' => self.state = State::Slash,
            _ => {
                if !self.content {
                    self.depth = 0;
                }
                self.content = true;
                self.count_group(byte);
                self.note(byte);
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

    fn count_group(&mut self, byte: u8) {
        match byte {
            b'(' => {
                self.groups += u64::from(self.depth == 0);
                self.depth = self.depth.saturating_add(1);
            }
            b')' => self.depth = self.depth.saturating_sub(1),
            _ if self.depth == 0 && is_word(byte) => self.groups = 0,
            _ => {}
        }
    }

    /// Passes a byte between tokens to the nesting of a script.
    fn note(&mut self, byte: u8) {
        let Some(nesting) = &mut self.nesting else { return };
        match byte {
            b'(' => nesting.open(),
            b')' => nesting.close(),
            b'\\' => nesting.has_command = true,
            _ if is_word(byte) => nesting.read(&[byte]),
            _ => {}
        }
    }

    /// Ends a word at a byte that is not consumed.
    fn end_word(&mut self) {
        self.state = State::Normal;
        if let Some(nesting) = &mut self.nesting {
            nesting.end_word();
        }
    }

    fn word(&mut self, prefix: Prefix, byte: u8) -> usize {
        let next = match (prefix, byte) {
            (Prefix::Escape, b'\'') => State::Literal { escapes: true },
            (Prefix::Bits, b'\'') => State::Literal { escapes: false },
            (Prefix::Unicode, b'&') => State::UnicodePrefix,
            // A dollar sign inside a word does not open a quote.
            _ if is_word(byte) || byte == b'$' => {
                self.state = State::Word(Prefix::None);
                return 0;
            }
            _ => {
                self.end_word();
                return 0;
            }
        };
        if let Some(nesting) = &mut self.nesting {
            nesting.forget_word();
        }
        self.to(next)
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
            // `$1` is a parameter: a tag cannot start with a digit.
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
            // A tag contains no dollar sign, so only a dollar sign can start a new match.
            State::DollarQuoted { matched: usize::from(byte == b'$') }
        };
        1
    }

    /// Switches to `state` and consumes the byte.
    fn to(&mut self, state: State) -> usize {
        self.state = state;
        1
    }

    /// Returns to `Normal` without consuming the byte.
    fn back_to_normal(&mut self) -> usize {
        self.state = State::Normal;
        0
    }

    /// Handles a `-` or `/` that is an operator, not a comment.
    fn operator(&mut self) -> usize {
        self.content = true;
        self.back_to_normal()
    }
}

/// Whether a byte can be part of an identifier or a number (except `$`).
fn is_word(byte: u8) -> bool {
    WORD[usize::from(byte)]
}

/// [`is_word`] of each byte: words make up much of the text, and a table is twice as fast.
static WORD: [bool; 256] = {
    let mut word = [false; 256];
    let mut byte = 0;
    while byte < word.len() {
        let letter = byte as u8;
        word[byte] = letter.is_ascii_alphanumeric() || letter == b'_' || letter >= 0x80;
        byte += 1;
    }
    word
};

#[cfg(test)]
mod tests;
