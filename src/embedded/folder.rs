//! The temporary folder of one server: its socket, log, access rules and, unless they are kept
//! elsewhere, its data.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::{EmbeddedError, Result};
use super::password::random_bytes;

/// The longest socket path that every system accepts: `sun_path` has 104 bytes on macOS and the
/// BSDs (108 on Linux), including the final 0.
const SOCKET_PATH_LIMIT: usize = 103;

/// A folder that only the server's account and root can enter; removed on drop.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Creates one in the system's temporary folder, or in `/tmp` if that path is too long for a
    /// socket.
    pub(super) fn create(account: Account) -> Result<Self> {
        let base = base(&env::temp_dir());
        loop {
            let [a, b, c, d] = random_bytes()?;
            let path = base.join(format!("nocturne-{a:02x}{b:02x}{c:02x}{d:02x}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let folder = Self { path };
                    account.own(&folder.path)?;
                    return Ok(folder);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(EmbeddedError::path("create", path)(error)),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The server's standard error.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The access rules, in pg_hba.conf format.
    pub(super) fn access_rules(&self) -> PathBuf {
        self.path.join("pg_hba.conf")
    }

    /// The data, if it is not kept.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The supervisor may have removed it already, and a failure has no remedy here.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn base(preferred: &Path) -> PathBuf {
    let socket = preferred.join("nocturne-01234567/.s.PGSQL.65535");
    let fits = socket.as_os_str().len() <= SOCKET_PATH_LIMIT;
    if fits && preferred.is_absolute() { preferred.to_owned() } else { PathBuf::from("/tmp") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_temporary_path_falls_back_to_tmp() {
        assert_eq!(base(Path::new("/var/tmp")), Path::new("/var/tmp"));
        assert_eq!(base(Path::new(&format!("/{}", "x".repeat(80)))), Path::new("/tmp"));
        assert_eq!(base(Path::new("relative")), Path::new("/tmp"));
    }

    #[test]
    fn folder_is_removed_on_drop() {
        let folder = Folder::create(Account::Own).unwrap();
        let path = folder.path().to_owned();
        fs::create_dir(folder.data()).unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
