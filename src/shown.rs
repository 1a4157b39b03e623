//! Makes text from archives, servers and files safe to show: escapes characters that could move a
//! terminal's cursor, start a new line or change the reading direction.
//!
//! Everything written to a terminal passes through one of these functions: standard error in
//! `report::screen`, standard output in `cli::shared::output`, JSON in [`json`]. Text within a
//! line, such as a name or an error, passes through [`one_line`] first.
//!
//! They also remove passwords that were typed on the command line ([`conceal`]).

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::archive::encoding::shown as decoded;

/// Texts to replace in all output, the longest first.
static SECRETS: OnceLock<Vec<(String, String)>> = OnceLock::new();

/// Replaces these texts in all output from now on. Only the first call has an effect.
pub(crate) fn conceal(secrets: impl IntoIterator<Item = (String, String)>) {
    let mut all: Vec<_> = secrets.into_iter().collect();
    // For JSON logs, and for errors that quote their subject.
    let escaped =
        |(text, shown): &(String, String)| (text.escape_debug().to_string(), shown.clone());
    all.extend(all.iter().map(escaped).collect::<Vec<_>>());
    all.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    all.dedup();
    let _ = SECRETS.set(all);
}

/// The text in readable form, without passwords that were typed.
fn readable(text: &str) -> Cow<'_, str> {
    without_secrets(decoded(text))
}

/// The text without passwords that were typed.
fn without_secrets(mut text: Cow<'_, str>) -> Cow<'_, str> {
    for (secret, shown) in SECRETS.get().into_iter().flatten() {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), shown).into();
        }
    }
    text
}

/// The text on one line, with control characters escaped.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for part in readable(text).lines().map(str::trim_end).filter(|part| !part.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        for character in part.chars() {
            push(&mut line, if character == '\t' { ' ' } else { character });
        }
    }
    line
}

/// The text on one line, without loss: control characters and backslashes are escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in decoded(text).chars() {
        match character {
            '\\' => line.push_str("\\\\"),
            other => push(&mut line, other),
        }
    }
    line
}

/// The text with all control characters escaped except line breaks and tabs.
pub(crate) fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in readable(text).chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            other => push(&mut shown, other),
        }
    }
    shown
}

/// A log line with all control characters escaped except tabs, its newline and, with `colours`, the
/// log's own colour sequences.
pub(crate) fn log_line(text: &str, colours: bool) -> String {
    let text = &*readable(text);
    let (mut rest, end) = match text.strip_suffix('\n') {
        Some(rest) => (rest, "\n"),
        None => (text, ""),
    };
    let mut shown = String::with_capacity(text.len());
    while let Some(character) = rest.chars().next() {
        let length = colour(rest).filter(|_| colours);
        match length {
            Some(length) => shown.push_str(&rest[..length]),
            None if character == '\t' => shown.push('\t'),
            None => push(&mut shown, character),
        }
        rest = &rest[length.unwrap_or(character.len_utf8())..];
    }
    shown + end
}

/// The length of a colour sequence at the start of the text: `ESC [ numbers m`.
fn colour(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    numbers[end..].starts_with('m').then_some("\u{1b}[".len() + end + 1)
}

/// JSON with control characters escaped. Its value is unchanged: such characters occur only in
/// strings, where an escape means the same.
pub(crate) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in without_secrets(text.into()).chars() {
        match character {
            '\n' => shown.push('\n'),
            other if acts(other) => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    shown.push_str(&format!("\\u{unit:04x}"));
                }
            }
            other => shown.push(other),
        }
    }
    shown
}

fn push(shown: &mut String, character: char) {
    if acts(character) {
        shown.extend(character.escape_default());
    } else {
        shown.push(character);
    }
}

/// Whether a terminal or an editor acts on this character instead of showing it: control
/// characters, line and paragraph separators, marks of the reading direction.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_controls_are_shown_escaped() {
        assert_eq!(one_line("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(one_line("first\r\n\n  second\tword"), "first   second word");
        assert_eq!(one_line("safe\u{202e}txt"), "safe\\u{202e}txt");
        assert_eq!(one_line("a\u{2028}b\u{200f}c"), "a\\u{2028}b\\u{200f}c");
        assert_eq!(one_line("naïve 表"), "naïve 表");
        assert_eq!(lines("a\tb\r\n\u{9b}2J\n"), "a\tb\\r\n\\u{9b}2J\n");
    }

    #[test]
    fn json_without_controls_is_unchanged() {
        let text = "a\u{1b}[2J\u{7f}\u{9b}2J\u{202e}\u{2028}b\n\t\u{10ff80}é";
        let written = serde_json::to_string_pretty(&[text]).unwrap();
        let shown = json(&written);
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [text]);
        assert!(!shown.chars().any(|c| c != '\n' && acts(c)), "{shown}");
    }

    #[test]
    fn log_line_keeps_only_its_colours_and_end() {
        let text =
            "\u{1b}[2m12:00\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m \ta\nb\u{1b}[2Jc\u{1b}]0;x\u{7}\n";
        let shown = log_line(text, true);
        assert!(
            shown.starts_with("\u{1b}[2m12:00\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m \ta\\nb"),
            "{shown}"
        );
        assert!(shown.ends_with("b\\u{1b}[2Jc\\u{1b}]0;x\\u{7}\n"), "{shown}");
        assert!(!log_line(text, false).contains('\u{1b}'));
    }
}
