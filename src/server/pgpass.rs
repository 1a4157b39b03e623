//! Passwords from `~/.pgpass`, by libpq's rules (documentation, section "The Password File";
//! `passwordFromFile` in `src/interfaces/libpq/fe-connect.c`).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::params::Password;

/// A password file's lines.
#[derive(Clone, Debug, Default)]
pub(super) struct PasswordFile {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Host, port, database, user; `None` matches everything.
    fields: [Option<String>; 4],
    password: Password,
}

impl PasswordFile {
    /// Reads the file. A missing file counts as empty; so does one that may not be used, with the
    /// reason added to `warnings`.
    pub(super) fn read(path: &Path, warnings: &mut Vec<String>) -> Self {
        let shown = path.display();
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                warnings.push(format!("cannot read the password file \"{shown}\": {error}"));
                Self::default()
            }
            Ok(metadata) if !metadata.is_file() => {
                warnings.push(format!("password file \"{shown}\" is not a plain file"));
                Self::default()
            }
            Ok(metadata) if metadata.mode() & 0o077 != 0 => {
                warnings.push(format!(
                    "password file \"{shown}\" is ignored: it has group or world access; \
                     permissions should be u=rw (0600) or less"
                ));
                Self::default()
            }
            Ok(_) => match fs::read(path) {
                Ok(bytes) => Self::parse(&String::from_utf8_lossy(&bytes)),
                Err(error) => {
                    warnings.push(format!("cannot read the password file \"{shown}\": {error}"));
                    Self::default()
                }
            },
        }
    }

    fn parse(text: &str) -> Self {
        Self { entries: text.lines().filter_map(parse_line).collect() }
    }

    /// The password of the first matching line. `host` is `localhost` for the default socket
    /// directory, another directory's path, or a name or address.
    pub(super) fn lookup(
        &self,
        host: &str,
        port: u16,
        dbname: &str,
        user: &str,
    ) -> Option<&Password> {
        let port = port.to_string();
        let wanted = [host, port.as_str(), dbname, user];
        let fits = |entry: &&Entry| {
            entry
                .fields
                .iter()
                .zip(wanted)
                .all(|(field, wanted)| field.as_deref().is_none_or(|field| field == wanted))
        };
        self.entries.iter().find(fits).map(|entry| &entry.password)
    }
}

/// `host:port:database:user:password`, with `\:` and `\\` for the characters themselves.
fn parse_line(line: &str) -> Option<Entry> {
    if line.starts_with('#') {
        return None;
    }
    let mut rest = line;
    let mut fields = [const { None }; 4];
    for field in &mut fields {
        let end = field_end(rest)?;
        let raw = &rest[..end];
        *field = (raw != "*").then(|| unescaped(raw));
        rest = &rest[end + 1..];
    }
    // What follows another colon is ignored. An empty password is none.
    let password = unescaped(&rest[..field_end(rest).unwrap_or(rest.len())]);
    (!password.is_empty()).then(|| Entry { fields, password: Password::new(password) })
}

/// The position of the first colon that is not escaped by a backslash.
fn field_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let end = byte == b':' && !escaped;
        escaped = byte == b'\\' && !escaped;
        end
    })
}

fn unescaped(text: &str) -> String {
    let mut chars = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        match c {
            // A backslash at the very end stands for itself.
            '\\' => plain.push(chars.next().unwrap_or('\\')),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const FILE: &str = "\
# comment:1:2:3:4
localhost:5432:db:me:socket
db.example:*:*:me:any port
db.example:*:*:*:with\\\\back\\:slashes:ignored
fe80\\:\\:1:5432:*:*:v6
*:*:*:nobody:
too:few:fields
*:*:shop:*:late
";

    #[test]
    fn first_matching_line_gives_the_password() {
        let file = PasswordFile::parse(FILE);
        for (host, port, dbname, user, expected) in [
            ("localhost", 5432, "db", "me", Some("socket")),
            ("localhost", 5433, "db", "me", None),
            ("db.example", 1, "x", "me", Some("any port")),
            ("db.example", 1, "x", "you", Some("with\\back:slashes")),
            ("fe80::1", 5432, "x", "you", Some("v6")),
            ("elsewhere", 1, "x", "nobody", None),
            ("elsewhere", 1, "shop", "you", Some("late")),
        ] {
            let found = file.lookup(host, port, dbname, user).map(Password::reveal);
            assert_eq!(found, expected, "{host}:{port}:{dbname}:{user}");
        }
    }

    #[test]
    fn file_readable_by_others_is_ignored_with_warning() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "*:*:*:*:secret\n").unwrap();
        for (mode, used) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let mut warnings = Vec::new();
            let found = PasswordFile::read(file.path(), &mut warnings);
            assert_eq!(found.lookup("h", 1, "d", "u").is_some(), used, "{mode:o}");
            assert_eq!(warnings.is_empty(), used, "{mode:o}");
        }
    }

    #[test]
    fn missing_file_causes_no_warning() {
        let mut warnings = Vec::new();
        PasswordFile::read(Path::new("/nonexistent/pgpass"), &mut warnings);
        assert!(warnings.is_empty());
    }
}
