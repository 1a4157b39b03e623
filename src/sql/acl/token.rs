//! The tokens of a GRANT, REVOKE or ALTER DEFAULT PRIVILEGES, with their positions in the text.

use std::ops::Range;

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Its position in the text, including quotes.
    pub(super) place: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A keyword or unquoted identifier, folded to lower case as the server does.
    Word(String),
    /// A quoted identifier or a string literal, decoded.
    Quoted(String),
    /// Any other character.
    Symbol(char),
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, TokenKind::Word(own) if own == word)
    }

    pub(super) fn is_symbol(&self, symbol: char) -> bool {
        self.kind == TokenKind::Symbol(symbol)
    }

    /// The identifier or literal, if the token is one.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Word(name) | TokenKind::Quoted(name) => Some(name),
            TokenKind::Symbol(_) => None,
        }
    }
}

/// The tokens of `text`, up to one that cannot be parsed, such as an unterminated quote.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at = text.len() - text.get(at..)?.trim_start().len();
        let rest = text.get(at..)?;
        let first = rest.chars().next()?;
        let (kind, length) = match first {
            '"' | '\'' => quoted(rest, first)?,
            _ if is_word(first) => {
                let length = rest.find(|c| !is_word(c) && c != '$').unwrap_or(rest.len());
                (TokenKind::Word(rest[..length].to_ascii_lowercase()), length)
            }
            _ => (TokenKind::Symbol(first), first.len_utf8()),
        };
        let place = at..at + length;
        at += length;
        Some(Token { kind, place })
    })
}

/// A quoted token at the start of `text`, and its length. A doubled quote stands for one.
fn quoted(text: &str, quote: char) -> Option<(TokenKind, usize)> {
    let mut name = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != quote {
            name.push(character);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            name.push(quote);
        } else {
            return Some((TokenKind::Quoted(name), at + 1));
        }
    }
    None
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}
