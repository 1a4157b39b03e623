//! A small disk for a database, which can be filled.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::cluster::Cluster;
use super::tool::Tool;

/// The tablespace on the small disk.
pub const TABLESPACE: &str = "small";

/// A file system in memory, mounted for the lifetime of this value.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one with this size (`8M`) and creates a tablespace there. A server has at most one.
    ///
    /// # Panics
    /// Without the right to mount: root, or sudo without a password.
    pub fn mount(cluster: &Cluster, size: &str) -> Self {
        // Where the server's account can reach it.
        let path = cluster.server().socket_dir().join("small-disk");
        fs::create_dir(&path).expect("creating the mount point");
        let size = format!("size={size}");
        let mounted = as_root(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs"], &path);
        assert!(mounted, "cannot test a full disk: needs the right to mount (root, sudo)");
        let disk = Self(path);
        let place = disk.0.join("tablespace");
        assert!(as_root(&["mkdir"], &place));
        let reference = format!("--reference={}", cluster.server().data_dir().display());
        assert!(as_root(&["chown", &reference], &place));
        assert!(as_root(&["chmod", "1777"], &disk.0));
        let sql = format!("CREATE TABLESPACE {TABLESPACE} LOCATION '{}'", place.display());
        cluster.psql("postgres").args(["--command", &sql]).succeed();
        disk
    }

    /// Uses up the remaining space.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).expect("creating the filler file");
        let piece = vec![1; 64 * 1024];
        while file.write_all(&piece).is_ok() {}
    }

    /// Frees it again.
    pub fn clear(&self) {
        // It may not exist.
        let _ = fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy"], &self.0);
    }
}

fn as_root(command: &[&str], path: &Path) -> bool {
    if Tool::new(command[0]).args(&command[1..]).arg(path).run().success() {
        return true;
    }
    // Where sudo is missing the tests have to run as root.
    let sudo = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|bin| bin.join("sudo").exists()));
    sudo && Tool::new("sudo").arg("-n").args(command).arg(path).run().success()
}
