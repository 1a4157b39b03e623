//! The archives in `fixtures/`, each with its matching pg_restore.

use std::fs;
use std::path::{Path, PathBuf};

use super::cluster::repository;
use super::tool::Tool;
use super::versions::{installation, versions};

/// An archive of `fixtures/`.
pub struct Fixture {
    /// Its file name.
    pub name: String,
    /// The archive.
    pub path: PathBuf,
    /// The major version of the pg_dump that wrote it.
    pub major: u32,
}

/// All archives of the versions under test, from the manifest.
pub fn fixtures() -> Vec<Fixture> {
    let manifest = fs::read_to_string(folder().join("manifest.tsv")).expect("a readable manifest");
    let lines = manifest.lines().skip(1).map(|line| {
        let mut fields = line.split('\t');
        let mut field = || fields.next().expect("a line has a name and a version");
        let (name, version) = (field(), field());
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        let major = major.expect("a version begins with its major number");
        Fixture { name: name.to_owned(), path: folder().join(name), major }
    });
    let fixtures: Vec<_> = lines.filter(|fixture| versions().contains(&fixture.major)).collect();
    assert!(!fixtures.is_empty(), "no fixtures: nothing would be tested");
    fixtures
}

/// The archives of the versions under test that `choose` accepts; at least one.
pub fn fixtures_where(choose: impl Fn(&Fixture) -> bool) -> Vec<Fixture> {
    let chosen: Vec<_> = fixtures().into_iter().filter(choose).collect();
    // With few versions under test some kinds may be missing, but not all of them.
    assert!(!chosen.is_empty() || versions().len() < 4, "no such fixture: nothing would be tested");
    chosen
}

fn folder() -> PathBuf {
    repository().join("fixtures")
}

impl Fixture {
    /// Whether it is an archive inside a `.tar.gz`, which pg_restore cannot read.
    pub fn is_wrapped(&self) -> bool {
        self.name.ends_with(".tar.gz")
    }

    /// Whether its names and texts are in ISO 8859-1.
    pub fn is_latin1(&self) -> bool {
        self.name.starts_with("latin1-") && !self.name.contains("utf8")
    }

    /// The output of its pg_restore for `-l` at the time it was created.
    pub fn stored_listing(&self) -> Vec<u8> {
        let endings = [".tar.gz", ".dump", ".tar"];
        let stem = endings.iter().find_map(|ending| self.name.strip_suffix(ending));
        let path = folder().join(format!("{}.list", stem.unwrap_or(&self.name)));
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A form that pg_restore can read: a wrapped archive is unpacked into a folder, which must
    /// live as long as the result.
    pub fn for_pg_restore(&self, folder: &Path) -> PathBuf {
        if !self.is_wrapped() {
            return self.path.clone();
        }
        Tool::new("tar").arg("-xzf").arg(&self.path).arg("-C").arg(folder).succeed();
        let mut found = folder.to_owned();
        // The archive is at the end of a chain of folders, unless one of them is the archive.
        while found.is_dir() && !found.join("toc.dat").exists() {
            let mut inside = fs::read_dir(&found).expect("a readable folder");
            found = inside.next().expect("a file in the folder").expect("readable").path();
        }
        found
    }

    /// pg_restore of its version, without a server.
    pub fn pg_restore(&self) -> Tool {
        Tool::new(installation(self.major).program("pg_restore"))
    }
}
