//! The archives in `fixtures/` and their known properties.

use std::path::{Path, PathBuf};

use nocturne::archive::Result;
use nocturne::source::{self, Input};
use nocturne::verify::{VerifyOptions, VerifyReport, verify};

/// A row of `fixtures/manifest.tsv`.
#[derive(Clone, Debug)]
pub struct Fixture {
    pub name: String,
    pub pg_dump: String,
    pub path: PathBuf,
}

impl Fixture {
    /// Output of `pg_restore -l`, if it can read the fixture.
    pub fn listing(&self) -> Option<String> {
        let stem = ["tar.gz", "tar", "dump"]
            .iter()
            .find_map(|suffix| self.name.strip_suffix(&format!(".{suffix}")))
            .unwrap_or(&self.name);
        std::fs::read_to_string(directory().join(format!("{stem}.list"))).ok()
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// All fixtures.
pub fn all() -> Vec<Fixture> {
    let manifest = std::fs::read_to_string(directory().join("manifest.tsv")).unwrap();
    let fixtures: Vec<Fixture> = manifest
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, pg_dump, ..] = fields[..] else { panic!("manifest: {line}") };
            let path = directory().join(name);
            let (name, pg_dump) = (name.to_owned(), pg_dump.to_owned());
            Fixture { name, pg_dump, path }
        })
        .collect();
    assert!(fixtures.len() >= 40, "{} fixtures", fixtures.len());
    fixtures
}

/// The path of one fixture.
pub fn path(name: &str) -> PathBuf {
    let path = directory().join(name);
    assert!(path.exists(), "{name} is missing");
    path
}

/// Reads all of an archive on one thread.
pub fn verified(path: &Path) -> Result<VerifyReport> {
    let archive = source::open(&Input::Path(path.to_owned()))?;
    let options =
        VerifyOptions { jobs: 1.try_into().unwrap(), wanted: None, digests: true, rows: None };
    Ok(verify(archive, &options, &|_| ()))
}

/// Copies a directory of files.
pub fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
