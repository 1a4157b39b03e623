//! Command-line words that may contain a password. They are never shown again, wherever they were
//! typed: as an archive's name, say, or as the value of an option that expects a number.

use std::ffi::OsString;

use crate::server::concealed;
use crate::shown;

/// Replaces every such word in all output from now on.
pub(crate) fn conceal(words: &[OsString]) {
    let texts: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    shown::conceal(texts.iter().flat_map(|text| secrets(text)));
}

/// The parts of a word that a message may quote, each with its replacement: the word itself, the
/// parts before and after a `=`, and the value after a short option.
fn secrets(word: &str) -> Vec<(String, String)> {
    let mut parts = vec![word];
    if let Some((name, value)) = word.split_once('=') {
        parts.extend([name, value]);
    }
    if !word.starts_with("--")
        && let Some(letters) = word.strip_prefix('-')
    {
        parts.extend(letters.char_indices().nth(1).map(|(at, _)| &letters[at..]));
    }
    // A scheme alone hides nothing.
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.ends_with("://"));
    let mut found: Vec<_> =
        parts.filter_map(|part| Some((part.to_owned(), concealed(part)?))).collect();
    // The option takes no value; its name may be abbreviated.
    if let Some((name, value)) = word.split_once('=')
        && name.starts_with("--pass")
        && !value.is_empty()
    {
        found.push((value.to_owned(), "…".to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_with_password_is_concealed_in_every_part() {
        let shown = |word, part: &str| {
            secrets(word).into_iter().find(|(secret, _)| secret == part).map(|(_, shown)| shown)
        };
        for (word, part, expected) in [
            ("u:pw@h/d", "u:pw@h/d", "…@h/d"),
            (" postgres://u:pw@h/d", "postgres://u:pw@h/d", "…@h/d"),
            ("--jobs=u:pw@h/d", "u:pw@h/d", "…@h/d"),
            ("-jpostgres://u:pw@h/d", "postgres://u:pw@h/d", "…@h/d"),
            ("--postgres://u:pw@h/d?a=b", "--postgres://u:pw@h/d?a", "…"),
            ("https://u@h/f?signature=pw", "https://u@h/f?signature=pw", "…"),
            ("host=h PassWord = pw", "host=h PassWord = pw", "…"),
            ("--password=pw", "pw", "…"),
        ] {
            assert_eq!(shown(word, part).as_deref(), Some(expected), "{word}");
        }
        for harmless in
            ["app.dump", "-j", "--jobs=4", "me@example.org", "host=h dbname=app", "https://"]
        {
            assert!(secrets(harmless).is_empty(), "{harmless}");
        }
    }
}
