//! What only psql understands: `\connect` and `\restrict`.

use std::io;

use crate::sql::ident::quoted;

use super::error::ScriptError;

/// The commands that connect psql to another database of the same server, as the same user
/// (`appendPsqlMetaConnect` in `src/fe_utils/string_utils.c`).
pub(super) fn connect(database: &str) -> Result<String, ScriptError> {
    if database.contains(['\n', '\r']) {
        return Err(ScriptError::DatabaseName(database.to_owned()));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if database.chars().all(plain) {
        return Ok(format!("\\connect {}\n", quoted(database)));
    }
    // psql must send the name unchanged, whatever encoding it assumes.
    let escaped = database.replace('\\', "\\\\").replace('\'', "\\'");
    let settings = format!("dbname='{escaped}'");
    Ok(format!("\\encoding SQL_ASCII\n\\connect -reuse-previous=on {}\n", quoted(&settings)))
}

/// The letters and digits allowed in a key (`restrict_chars` in `dumputils.c`).
const KEY_CHARACTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const KEY_LENGTH: usize = 63;

/// A new key for [`ScriptOptions::restrict_key`](super::ScriptOptions::restrict_key). No author of
/// the archive may be able to guess it, so it is random.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn random_restrict_key() -> io::Result<String> {
    let mut random = [0_u8; KEY_LENGTH];
    getrandom::fill(&mut random)?;
    // As in PostgreSQL, the first characters are slightly more likely; with a key of 63 of them,
    // that does not help guessing.
    let character =
        |&byte: &u8| char::from(KEY_CHARACTERS[usize::from(byte) % KEY_CHARACTERS.len()]);
    Ok(random.iter().map(character).collect())
}

/// Whether psql accepts `key` (`--restrict-key`): letters and digits, at least one.
#[must_use]
pub fn is_valid_restrict_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_for_psql() {
        for (name, expected) in [
            ("app", "\\connect app\n"),
            ("App.2", "\\connect \"App.2\"\n"),
            (
                "it's \"x\" \\",
                "\\encoding SQL_ASCII\n\\connect -reuse-previous=on \
                 \"dbname='it\\'s \"\"x\"\" \\\\'\"\n",
            ),
        ] {
            assert_eq!(connect(name).unwrap(), expected);
        }
        assert!(matches!(connect("a\n\\! rm"), Err(ScriptError::DatabaseName(_))));
    }

    #[test]
    fn restrict_keys_are_valid_and_unique() {
        let key = random_restrict_key().unwrap();
        assert!(is_valid_restrict_key(&key) && key.len() == KEY_LENGTH);
        assert_ne!(key, random_restrict_key().unwrap());
        for bad in ["", "a b", "a\n", "é"] {
            assert!(!is_valid_restrict_key(bad), "{bad:?}");
        }
    }
}
