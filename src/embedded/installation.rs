//! Finds PostgreSQL's server programs. Runs only `postgres --version`.

use std::collections::HashSet;
use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use super::error::{EmbeddedError, Result};

/// A server's version, `17.10` or, before its first release, `18.0` for `18beta1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 17 in 17.10. Data directories of different major versions are incompatible.
    pub major: u32,
    /// 10 in 17.10.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = ();

    /// Parses the output of `postgres --version`: `postgres (PostgreSQL) 15.18 (Debian 15.18-0)`.
    fn from_str(line: &str) -> Result<Self, ()> {
        let (_, rest) = line.split_once("(PostgreSQL)").ok_or(())?;
        let word = rest.split_whitespace().next().ok_or(())?;
        // A development version is "19devel", a candidate "19rc1": no minor number yet.
        let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
        let (major, rest) = word.split_at_checked(end).ok_or(())?;
        let minor = rest.strip_prefix('.').map_or("0", |rest| {
            rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default()
        });
        Ok(Self { major: major.parse().map_err(|_| ())?, minor: minor.parse().map_err(|_| ())? })
    }
}

/// A set of server programs of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The absolute folder of `postgres` and `initdb`; it may also contain pg_dump and psql.
    pub bin: PathBuf,
    /// The version from `postgres --version`.
    pub version: Version,
}

impl Installation {
    /// The installation in this folder of programs.
    ///
    /// # Errors
    /// When `postgres` or `initdb` is missing, or does not run.
    pub fn at(bin: impl AsRef<Path>) -> Result<Self> {
        let bin = bin.as_ref();
        // The server is started from another folder, where a relative path would not resolve.
        let bin = std::path::absolute(bin).map_err(EmbeddedError::path("find", bin))?;
        if !holds_server(&bin) {
            return Err(EmbeddedError::NotAnInstallation { bin });
        }
        let postgres = bin.join("postgres");
        let output = Command::new(&postgres)
            .arg("--version")
            .output()
            .map_err(EmbeddedError::run(&postgres))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.parse() {
            Ok(version) => Ok(Self { bin, version }),
            Err(()) => Err(EmbeddedError::UnknownVersion {
                program: postgres,
                output: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
            }),
        }
    }

    /// The path of one of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// All installations on this machine, in order of preference.
///
/// `PG_BIN`, when set, is the only one. Otherwise: a folder in `PATH` that contains both `postgres`
/// and `initdb`, then the usual places of Debian, the RPM packages, Homebrew and
/// Postgres.app, newest version first.
///
/// # Errors
/// When there is none (the result is never empty), or `PG_BIN` names a folder without a server.
pub fn find_binaries() -> Result<Vec<Installation>> {
    if let Some(bin) = env::var_os("PG_BIN").filter(|bin| !bin.is_empty()) {
        return Ok(vec![Installation::at(PathBuf::from(bin))?]);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = search(&path, Path::new("/"));
    if found.is_empty() {
        return Err(EmbeddedError::NoInstallation {
            looked_in: PLACES.iter().map(PathBuf::from).collect(),
        });
    }
    Ok(found)
}

/// Where packages install servers; `*` stands for one folder name or a part of it.
const PLACES: [&str; 5] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// The installations in `PATH` and the usual places under `root`.
fn search(path: &OsStr, root: &Path) -> Vec<Installation> {
    // Skip an installation that does not run: another one may.
    let usable = |bin: PathBuf| Installation::at(bin).ok();
    let on_path = env::split_paths(path).filter(|bin| holds_server(bin)).filter_map(usable);
    let mut packaged: Vec<_> =
        PLACES.iter().flat_map(|place| expand(root, place)).filter_map(usable).collect();
    packaged.sort_by_key(|installation| std::cmp::Reverse(installation.version));

    // The same folder is often found twice: through PATH and its place, or as "latest" and "17".
    let mut seen = HashSet::new();
    on_path
        .chain(packaged)
        .filter(|found| seen.insert(fs::canonicalize(&found.bin).unwrap_or(found.bin.clone())))
        .collect()
}

fn holds_server(bin: &Path) -> bool {
    bin.join("postgres").is_file() && bin.join("initdb").is_file()
}

/// The folders under `root` that match a pattern with at most one `*`.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = match part.split_once('*') {
            None => found.into_iter().map(|folder| folder.join(part)).collect(),
            Some((before, after)) => found
                .iter()
                .filter_map(|folder| fs::read_dir(folder).ok())
                .flatten()
                .filter_map(Result::ok)
                .filter(|entry| {
                    let name = entry.file_name();
                    let name = name.to_string_lossy();
                    name.len() >= before.len() + after.len()
                        && name.starts_with(before)
                        && name.ends_with(after)
                })
                .map(|entry| entry.path())
                .collect(),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// An installation whose programs only print their version.
    fn pretend(root: &Path, bin: &str, version: &str) -> PathBuf {
        let bin = root.join(bin.trim_start_matches('/'));
        fs::create_dir_all(&bin).unwrap();
        for program in ["postgres", "initdb"] {
            let script = format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n");
            fs::write(bin.join(program), script).unwrap();
            fs::set_permissions(bin.join(program), fs::Permissions::from_mode(0o755)).unwrap();
        }
        bin
    }

    fn version(line: &str) -> Result<(u32, u32), ()> {
        line.parse().map(|Version { major, minor }| (major, minor))
    }

    #[test]
    fn server_version_output_is_parsed() {
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Ok((15, 18)));
        assert_eq!(version("postgres (PostgreSQL) 17.10"), Ok((17, 10)));
        assert_eq!(version("postgres (PostgreSQL) 18beta1"), Ok((18, 0)));
        assert_eq!(version("postgres (PostgreSQL) 19devel"), Ok((19, 0)));
        assert_eq!(version("postgres (PostgreSQL) 9.6.24"), Ok((9, 6)));
        assert_eq!(version("postgres (PostgreSQL) "), Err(()));
        assert_eq!(version("sh: not found"), Err(()));
    }

    #[test]
    fn path_precedes_packages_sorted_newest_first() {
        let root = tempfile::tempdir().unwrap();
        let nine = pretend(root.path(), "/usr/lib/postgresql/9.6/bin", "9.6.24");
        let fifteen = pretend(root.path(), "/usr/lib/postgresql/15/bin", "15.18");
        let eighteen = pretend(root.path(), "/usr/pgsql-18/bin", "18.1");
        let brew = pretend(root.path(), "/opt/homebrew/opt/postgresql@17/bin", "17.2");
        let own = pretend(root.path(), "/home/me/pg/bin", "16.1");
        let found: Vec<_> =
            search(own.as_os_str(), root.path()).into_iter().map(|found| found.bin).collect();
        assert_eq!(found, [own, eighteen, brew, fifteen, nine]);
    }

    #[test]
    fn folder_found_twice_counts_once() {
        let root = tempfile::tempdir().unwrap();
        let bin = pretend(root.path(), "/usr/lib/postgresql/15/bin", "15.18");
        let found = search(bin.as_os_str(), root.path());
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn clients_alone_are_not_an_installation() {
        let root = tempfile::tempdir().unwrap();
        let bin = pretend(root.path(), "/usr/lib/postgresql/15/bin", "15.18");
        fs::remove_file(bin.join("initdb")).unwrap();
        assert_eq!(search(bin.as_os_str(), root.path()), []);
        let error = Installation::at(&bin).unwrap_err();
        let what = "does not contain both postgres and initdb";
        assert!(error.to_string().ends_with(what), "{error}");
    }

    #[test]
    fn broken_installation_is_skipped() {
        let root = tempfile::tempdir().unwrap();
        pretend(root.path(), "/usr/lib/postgresql/17/bin", "what");
        let good = pretend(root.path(), "/usr/lib/postgresql/15/bin", "15.18");
        let found = search(OsStr::new(""), root.path());
        assert_eq!(found.into_iter().map(|found| found.bin).collect::<Vec<_>>(), [good]);
    }
}
