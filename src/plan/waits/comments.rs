//! Removes comments from the source of functions.

use super::bodies::is_inside;
use crate::sql::scan::quotation;

/// How deep strings in strings are read.
const MAX_DEPTH: u32 = 8;

/// Removes the comments of a text, and those in its strings, since a function's body is a string. Where
/// it is unclear whether something is a comment, it stays.
pub(super) fn without_comments(text: &str) -> String {
    without(text, MAX_DEPTH)
}

fn without(text: &str, depth: u32) -> String {
    // With a backslash before a quote, the end of a string depends on a setting.
    if depth == 0 || text.contains("\\'") {
        return without_marks(text);
    }
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['-', '/', '\'', '"', '$']) {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        let is_in_name = kept.chars().next_back().is_some_and(is_inside);
        let (replaced, length) = if from.starts_with("--") {
            (" ".to_owned(), Some(from.find(['\n', '\r']).unwrap_or(from.len())))
        } else if from.starts_with("/*") {
            (" ".to_owned(), block(from))
        } else if from.starts_with('\'') {
            let length = quotation(from);
            let inside = length.map(|length| from[1..length - 1].replace("''", "'"));
            (format!("'{}'", without(&inside.unwrap_or_default(), depth - 1)), length)
        } else if from.starts_with('"') {
            let length = quotation(from);
            (from[..length.unwrap_or_default()].to_owned(), length)
        } else if let Some(quote) = dollars(from).filter(|_| !is_in_name) {
            let inside = from[quote.len()..].find(quote);
            let inside = inside.map(|end| &from[quote.len()..quote.len() + end]);
            let length = inside.map(|inside| inside.len() + 2 * quote.len());
            (format!(" {} ", without(inside.unwrap_or_default(), depth - 1)), length)
        } else {
            (from[..1].to_owned(), Some(1))
        };
        let Some(length) = length else {
            // It does not end.
            return kept + &without_marks(from);
        };
        kept.push_str(&replaced);
        rest = &from[length..];
    }
    kept + rest
}

/// A text with the words of its comments.
fn without_marks(text: &str) -> String {
    text.replace("--", " ").replace("/*", " ").replace("*/", " ")
}

/// The length of the comment at the start of a text. Such comments nest.
fn block(text: &str) -> Option<usize> {
    let (bytes, mut depth, mut at) = (text.as_bytes(), 0, 0);
    loop {
        match bytes.get(at..at + 2)? {
            b"/*" => depth += 1,
            b"*/" if depth == 1 => return Some(at + 2),
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
}

/// The dollar quote at the start of a text, like `$$` or `$body$` (`scan.l`).
fn dollars(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('$')?;
    let tag = &inside[..inside.find('$')?];
    let is_tag = !tag.starts_with(|c: char| c.is_ascii_digit()) && tag.chars().all(is_inside);
    is_tag.then(|| &text[..tag.len() + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_where_the_server_ends_them() {
        let squeezed = |text: &str| {
            let words: Vec<String> =
                without_comments(text).split_whitespace().map(str::to_owned).collect();
            words.join(" ")
        };
        for (text, expected) in [
            ("SELECT a -- b\nFROM c", "SELECT a FROM c"),
            ("a/* b /* c */ d */e", "a e"),
            ("AS $_$SELECT 1 -- b\nFROM c$_$;", "AS SELECT 1 FROM c ;"),
            ("AS 'SELECT ''-- b'', 1 -- c\n FROM d'", "AS 'SELECT ' ', 1 FROM d'"),
            ("x := 'a' || \"b -- c\" - d / e", "x := 'a' || \"b -- c\" - d / e"),
            ("co$des$$ $1 $2 -- b", "co$des$$ $1 $2"),
            // Not certain.
            ("E'\\'' -- b", "E'\\'' b"),
            ("it's -- b", "it's b"),
            ("a /* b", "a b"),
            ("$x$ a -- b", "$x$ a b"),
        ] {
            assert_eq!(squeezed(text), expected, "{text}");
        }
        let deep: String = (0..1000).map(|n| format!("$a{n}$")).collect();
        let back: String = (0..1000).rev().map(|n| format!("$a{n}$")).collect();
        assert!(without_comments(&format!("{deep} -- b\n{back}")).contains('b'));
    }
}
