//! Service files: named groups of connection parameters, read by libpq's rules (documentation,
//! section "The Connection Service File"; `parseServiceInfo` in
//! `src/interfaces/libpq/fe-connect.c`).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::conninfo::concealed;
use super::error::Result;
use super::params::{Environment, params};

/// Where libpq looks for `pg_service.conf` when `PGSYSCONFDIR` is not set: a build-time constant.
/// These are the directories of Debian, Red Hat and a build from source.
const SYSTEM_DIRECTORIES: [&str; 3] =
    ["/etc/postgresql-common", "/etc/sysconfig/pgsql", "/usr/local/pgsql/etc"];

/// The parameters of a service, the strongest first. `file` is the value of `servicefile` or
/// `PGSERVICEFILE`.
///
/// # Errors
/// When no file defines the service, or a file breaks the rules. Errors never show values.
pub(super) fn find(
    name: &str,
    file: Option<&str>,
    environment: Environment<'_>,
) -> Result<Vec<(String, String)>> {
    let set = |name| environment(name).filter(|value: &String| !value.is_empty());
    let users = match file {
        Some(file) => Some(PathBuf::from(file)),
        None => set("HOME").map(|home| Path::new(&home).join(".pg_service.conf")),
    };
    let system = match set("PGSYSCONFDIR") {
        Some(directory) => vec![PathBuf::from(directory)],
        None => SYSTEM_DIRECTORIES.map(PathBuf::from).into(),
    };
    let system = system.into_iter().map(|directory| directory.join("pg_service.conf"));
    for (path, must_exist) in
        users.map(|path| (path, file.is_some())).into_iter().chain(system.map(|path| (path, false)))
    {
        let shown = path.display();
        match std::fs::read(&path) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                let found = group(&text, name).map_err(|(line, what)| {
                    params(format!("{what} in service file \"{shown}\", line {line}"))
                })?;
                if let Some(found) = found {
                    return Ok(found);
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(params(format!("service file \"{shown}\" not found")));
            }
            Err(error) => {
                return Err(params(format!("cannot read service file \"{shown}\": {error}")));
            }
        }
    }
    let name = concealed(name).unwrap_or_else(|| name.to_owned());
    Err(params(format!("definition of service \"{name}\" not found")))
}

/// The lines of a group, or the number of an invalid line and the error.
#[allow(clippy::type_complexity)]
fn group(
    text: &str,
    name: &str,
) -> std::result::Result<Option<Vec<(String, String)>>, (usize, &'static str)> {
    let mut found: Option<Vec<(String, String)>> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix('[') {
            // The first group with a name counts, and ends at the next title.
            if found.is_some() {
                break;
            }
            if title.strip_prefix(name).is_some_and(|rest| rest.starts_with(']')) {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(found) = &mut found else { continue };
        if line.starts_with("ldap") {
            return Err((number, "LDAP is not supported"));
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err((number, "syntax error"));
        };
        if matches!(key, "service" | "servicefile") {
            return Err((number, "nested service specifications not supported"));
        }
        if super::keyword::find(key).is_none() {
            return Err((number, "syntax error"));
        }
        found.push((key.to_owned(), value.to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn section_with_the_name_is_used() {
        let text = "# all\n[a]\nhost=x\n [b] \n port=1\n\nhost=y z\nhost=other\n[b]\nhost=no\n";
        let pairs = |name| {
            let found = group(text, name).unwrap()?;
            Some(found.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(pairs("b").as_deref(), Some("port=1 host=y z host=other"));
        assert_eq!(pairs("c"), None);
    }

    #[test]
    fn malformed_lines_are_reported_by_number() {
        for text in ["[a]\nhost\n", "[a]\nservice=b\n", "[a]\nldap://x\n", "[a]\nhots=x\n"] {
            assert_eq!(group(text, "a").unwrap_err().0, 2, "{text}");
        }
        assert_eq!(group("[b]\nhost\n", "a"), Ok(None), "another group's lines do not matter");
    }
}
