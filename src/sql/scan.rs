//! Finds names in pg_dump's statements without parsing them fully.

/// The length of the identifier at the start of `text`, including quotes.
pub(crate) fn identifier(text: &str) -> Option<usize> {
    if text.starts_with('"') {
        return quotation(text);
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
    Some(end.unwrap_or(text.len())).filter(|length| *length > 0)
}

/// The length of the quoted identifier or literal at the start of `text`, including quotes. Quotes
/// inside it are doubled.
pub(crate) fn quotation(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (quote, mut at) = (bytes.first()?, 1);
    loop {
        match bytes.get(at)? {
            byte if byte == quote && bytes.get(at + 1) == Some(quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The length of the optionally qualified name at the start of `text`.
pub(crate) fn qualified(text: &str) -> Option<usize> {
    let length = identifier(text)?;
    match text[length..].strip_prefix('.') {
        Some(rest) => Some(length + 1 + identifier(rest)?),
        None => Some(length),
    }
}

/// An identifier as stored in the catalogue.
pub(crate) fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(inside) => inside.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

/// `(a, "b")`, with nothing else between the parentheses.
pub(crate) fn names_in_parentheses(text: &str) -> Option<(&str, &str)> {
    let mut at = text.strip_prefix('(').map(|_| 1)?;
    loop {
        at += identifier(&text[at..])?;
        match text.as_bytes().get(at)? {
            b')' => return Some(text.split_at(at + 1)),
            b',' => at += text[at..].strip_prefix(", ").map(|_| 2)?,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_any_characters_are_found() {
        let text = "\"a.b\".\"c \"\"(d)\" (x, \"y, z\", \"q\"\"\") rest";
        let (table, rest) = text.split_at(qualified(text).unwrap());
        assert_eq!(table, "\"a.b\".\"c \"\"(d)\"");
        let (list, rest) = names_in_parentheses(rest.strip_prefix(' ').unwrap()).unwrap();
        assert_eq!(rest, " rest");
        assert_eq!(list, "(x, \"y, z\", \"q\"\"\")");
    }

    #[test]
    fn anything_else_is_not_a_list_of_names() {
        for text in ["()", "(a,b)", "(a + b)", "(a", "a)", "(a, )"] {
            assert_eq!(names_in_parentheses(text), None, "{text}");
        }
    }
}
