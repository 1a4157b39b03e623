//! Arguments that are meant as URLs.

/// The error for text that is not a URL that this build reads. It does not repeat the text, which
/// may contain secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "http", error("not an http://, https:// or file:/// URL"))]
#[cfg_attr(not(feature = "http"), error("this build reads no URLs"))]
pub struct AddressError;

/// Whether a text is meant as a URL, with any scheme: `file.dump` and `./http:` are not. A misspelt
/// scheme must not turn it into a path, which would be shown in full.
pub(super) fn is_meant(text: &str) -> bool {
    let is_scheme = |text: &str| {
        let rest = text.strip_prefix(|first: char| first.is_ascii_alphabetic());
        rest.is_some_and(|rest| {
            rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        })
    };
    text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_any_scheme_is_meant_as_a_url() {
        assert!(is_meant("HTTPS://h/f") && is_meant("http://h") && is_meant("file:///f"));
        assert!(is_meant("htps://h/f?signature=x"), "nor a path, which would be shown");
        assert!(!is_meant("./http://h") && !is_meant("h.dump"));
        assert!(!is_meant("ééééé"));
    }
}
