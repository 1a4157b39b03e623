//! The two spellings of a connection string: `postgresql://…` and `key=value …`.
//!
//! Syntax only, as in the PostgreSQL documentation, section "Connection Strings"; which parameters
//! exist and what they mean is `keyword` and `params`. Messages never show the string, since it may
//! contain a password.

use super::error::{Result, SessionError};
use super::keyword;

/// One parameter as written, decoded.
pub(super) type Setting = (String, String);

/// Whether `-d`'s value is a connection string rather than a database's name.
pub(super) fn is_connection_string(text: &str) -> bool {
    uri_rest(text).is_some() || text.contains('=')
}

/// The parameters in a connection string of either spelling, in the order written.
///
/// # Errors
/// [`SessionError::Params`] describing the syntax error.
pub(super) fn parse(text: &str) -> Result<Vec<Setting>> {
    match uri_rest(text) {
        Some(rest) => parse_uri(rest),
        None if may_hold_a_password(text.split('=').next().unwrap_or_default()) => {
            Err(misspelt("dbname"))
        }
        None => parse_pairs(text),
    }
}

/// Whether a text that is not a connection string looks like one: it may contain a password, and
/// must not be shown as a name.
pub(super) fn may_hold_a_password(text: &str) -> bool {
    text.contains("://") || text.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'))
}

/// The error for such a text.
pub(super) fn misspelt(parameter: &str) -> SessionError {
    invalid(format!(
        "the value of \"{parameter}\" looks like a misspelled URL (it must start with \
         postgresql:// or postgres://, with no space before it; write \"@\" in a password as %40)"
    ))
}

/// A value with any possible password removed.
pub(super) fn shown(value: &str) -> String {
    match value.rsplit_once('@') {
        // URL parameters may be passwords, too.
        Some((_, rest)) if !rest.contains(['?', '=']) => format!("…@{rest}"),
        None if !value.contains("://") => value.to_owned(),
        _ => "…".to_owned(),
    }
}

/// What to show of a text that may contain a password; `None` if it contains none.
pub(crate) fn concealed(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let is_pair = text.contains('=') && ["pass", "pwd"].iter().any(|word| lower.contains(word));
    match is_pair {
        true => Some("…".to_owned()),
        false => may_hold_a_password(text).then(|| shown(text)),
    }
}

fn uri_rest(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

fn invalid(what: impl std::fmt::Display) -> SessionError {
    SessionError::Params(format!("invalid connection string: {what}"))
}

/// Parses what follows the scheme: `[user[:password]@][host[:port],…][/dbname][?key=value&…]`.
fn parse_uri(rest: &str) -> Result<Vec<Setting>> {
    let mut settings = Vec::new();
    // The user comes before the first `@`, unless a slash comes first.
    let rest = match rest.find(['@', '/']) {
        Some(at) if rest[at..].starts_with('@') => {
            let (user, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
            push(&mut settings, "user", user)?;
            push(&mut settings, "password", password)?;
            &rest[at + 1..]
        }
        _ => rest,
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // A password with a bare slash ends up here as a port and a database, which must not be shown.
    // So with a port, a "@" in the database name must be written as %40.
    if settings.is_empty()
        && hosts.contains(':')
        && (path.contains('@') || !path.is_empty() && query.contains('@'))
    {
        return Err(invalid("a \"/\" in a password must be written as %2F"));
    }
    // libpq would read what follows the first "@" as the host, and show it.
    if !settings.is_empty() && rest.contains('@') || may_hold_a_password(path) {
        return Err(invalid(
            "a \"@\" in a user name, password or database name must be written as %40",
        ));
    }
    parse_hosts(hosts, &mut settings)?;
    push(&mut settings, "dbname", path.strip_prefix('/').unwrap_or(path))?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(invalid("a parameter after the \"?\" has no value"));
        };
        if value.contains('=') {
            return Err(invalid("a value after the \"?\" contains \"=\" (write it as %3D)"));
        }
        let (key, value) = (decoded(key)?, decoded(value)?);
        // The JDBC driver's spelling, which libpq accepts too.
        if key == "ssl" && value == "true" {
            settings.push(("sslmode".into(), "require".into()));
        } else {
            settings.push((key, value));
        }
    }
    Ok(settings)
}

/// `host[:port],[v6]:port,…`: the lists `host` and `port`, element by element.
fn parse_hosts(text: &str, settings: &mut Vec<Setting>) -> Result<()> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    let mut rest = text;
    loop {
        let (host, after) = if let Some(inside) = rest.strip_prefix('[') {
            let Some((address, after)) = inside.split_once(']') else {
                return Err(invalid("no \"]\" after an IPv6 address"));
            };
            if address.is_empty() {
                return Err(invalid("empty IPv6 address"));
            }
            (address, after)
        } else {
            rest.split_at(rest.find([':', ',']).unwrap_or(rest.len()))
        };
        let (port, after) = match after.strip_prefix(':') {
            Some(port) => port.split_at(port.find(',').unwrap_or(port.len())),
            None => ("", after),
        };
        hosts.push(decoded(host)?);
        ports.push(decoded(port)?);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => break,
            None => return Err(invalid("unexpected text after the \"]\" of an IPv6 address")),
        }
    }
    // An empty list counts as absent; an empty element in a list of several means the default.
    for (name, list) in [("host", hosts), ("port", ports)] {
        if list.iter().any(|element| !element.is_empty()) {
            settings.push((name.into(), list.join(",")));
        }
    }
    Ok(())
}

fn push(settings: &mut Vec<Setting>, name: &str, encoded: &str) -> Result<()> {
    if !encoded.is_empty() {
        settings.push((name.into(), decoded(encoded)?));
    }
    Ok(())
}

/// Decodes percent-encoding.
fn decoded(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let hex =
            |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let value = match after {
            [high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match value {
            Some(0) => return Err(invalid("forbidden value %00")),
            Some(value) => bytes.push(value),
            None => return Err(invalid("\"%\" without two hexadecimal digits (write it as %25)")),
        }
        rest = after.get(2..).unwrap_or_default();
    }
    String::from_utf8(bytes).map_err(|_| invalid("a value is not UTF-8"))
}

/// `key = value key='quoted \' value' …`.
fn parse_pairs(text: &str) -> Result<Vec<Setting>> {
    let mut settings = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        // An unknown word after a password may be a piece of it.
        let is_piece = keyword::find(key).is_none()
            && settings.iter().any(|(key, _): &Setting| key == "password");
        let Some(after) = after.trim_start().strip_prefix('=').filter(|_| !is_piece) else {
            // This may be a piece of a password that contains a space.
            return Err(invalid("missing \"=\" after a word (quote values that contain spaces)"));
        };
        let (value, after) = parse_value(after.trim_start())?;
        settings.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(settings)
}

/// Parses one value, quoted or bare, and returns what follows it.
fn parse_value(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let quoted = text.starts_with('\'');
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if !quoted && c.is_ascii_whitespace() => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted { Err(invalid("unterminated quoted value")) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters as one line, `host=a port=1`.
    fn line(text: &str) -> String {
        let settings = parse(text).unwrap();
        settings.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn uris_are_parsed_as_by_libpq() {
        for (uri, expected) in [
            ("postgresql://", ""),
            ("postgres://h", "host=h"),
            ("postgresql://u@h:1/db", "user=u host=h port=1 dbname=db"),
            ("postgresql://u:p%40:x@h/db", "user=u password=p@:x host=h dbname=db"),
            ("postgresql:///db?host=/tmp&port=5", "dbname=db host=/tmp port=5"),
            ("postgresql://%2Frun%2Fpg/db", "host=/run/pg dbname=db"),
            ("postgresql://[::1]:5433/db", "host=::1 port=5433 dbname=db"),
            ("postgresql://a:1,b,[::2]:3/", "host=a,b,::2 port=1,,3"),
            ("postgres://h/a@b", "host=h dbname=a@b"),
            ("postgres://u:p?q@h/d?port=1", "user=u password=p?q host=h dbname=d port=1"),
            ("postgres://h/db?ssl=true", "host=h dbname=db sslmode=require"),
            ("postgres://h?application_name=a%20b", "host=h application_name=a b"),
        ] {
            assert_eq!(line(uri), expected, "{uri}");
        }
    }

    #[test]
    fn pairs_may_be_quoted_escaped_and_spaced() {
        for (text, expected) in [
            ("host=a port=1", "host=a port=1"),
            ("  host = a\tport= 1 ", "host=a port=1"),
            (r"password='it\'s \\ here' user=u", r"password=it's \ here user=u"),
            (r"password=a\ b", "password=a b"),
            ("host='' user=u", "host= user=u"),
            ("password=a=b", "password=a=b"),
        ] {
            assert_eq!(line(text), expected, "{text}");
        }
    }

    #[test]
    fn malformed_string_is_refused_without_showing_it() {
        for text in [
            "postgres://u:secret%4@h",
            "postgres://u:secret%zz@h",
            "postgres://u:secret%00@h",
            "postgres://u:secret@[::1",
            "postgres://u:secret@[::1]x",
            "postgres://u:secret@h?nothing",
            "postgres://u:secret/x@h/d",
            "postgres://h/d?secret",
            "postgres://h/d?x=secret=1",
            "password='secret",
            "password=not so secret",
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.starts_with("invalid connection string: "), "{text}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn plain_name_is_not_a_connection_string() {
        assert!(!is_connection_string("my-database"));
        assert!(is_connection_string("dbname=x"));
        assert!(is_connection_string("postgres://h/x"));
    }
}
