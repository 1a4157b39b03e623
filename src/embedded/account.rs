//! The account that runs the server. PostgreSQL refuses to run as root (`check_root` in
//! src/backend/main/main.c): for root, the account is `postgres` or else `nobody`.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::{EmbeddedError, Result};

/// The account that owns the server's processes and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// The account of this process.
    Own,
    /// Another account; only root can choose.
    Other {
        /// User number.
        uid: u32,
        /// Group number.
        gid: u32,
    },
}

impl Account {
    /// The account to use on this machine.
    pub(super) fn choose() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        let passwd = fs::read_to_string("/etc/passwd")
            .map_err(EmbeddedError::path("read", "/etc/passwd"))?;
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| in_passwd(&passwd, name))
            .ok_or(EmbeddedError::NoAccount)
    }

    /// The owner of a file, if it is not root.
    pub(super) fn owner(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        let (uid, gid) = (found.uid(), found.gid());
        (uid != 0).then_some(Self::Other { uid, gid })
    }

    /// Makes a command run under the account, from a directory that every account can enter and
    /// without PostgreSQL's client and server settings in the environment.
    pub(super) fn apply(self, command: &mut Command) {
        command.current_dir("/");
        // PGDATA, PGPORT, PGOPTIONS… would reach the server or its single-user mode.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Changes the owner of a folder or file.
    pub(super) fn own(self, path: &Path) -> Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid))
                .map_err(EmbeddedError::path("change the owner of", path)),
        }
    }
}

/// A line of passwd(5): `name:password:uid:gid:…`.
fn in_passwd(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        // An alias of root would be refused as well.
        (uid != 0).then_some(Account::Other { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
                          postgresql:x:7:8::/:/bin/sh\n\
                          toor:x:0:0::/:/bin/sh\n\
                          broken:x:seven:8::/:/bin/sh\n\
                          postgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/sh\n";

    #[test]
    fn account_name_must_match_fully() {
        let found = in_passwd(PASSWD, "postgres");
        assert_eq!(found, Some(Account::Other { uid: 101, gid: 104 }));
        assert_eq!(in_passwd(PASSWD, "postgre"), None);
    }

    #[test]
    fn root_aliases_and_broken_lines_are_skipped() {
        assert_eq!(in_passwd(PASSWD, "toor"), None);
        assert_eq!(in_passwd(PASSWD, "broken"), None);
    }
}
