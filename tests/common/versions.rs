//! The PostgreSQL versions that the tests run on.

use std::env;
use std::path::{Path, PathBuf};

use nocturne::embedded::{Installation, find_binaries};

use super::cluster::{Cluster, cluster};

/// All supported versions; the default without `NOCTURNE_TEST_VERSIONS`.
const ALL: [u32; 4] = [15, 16, 17, 18];

/// The major versions to test, oldest first: `NOCTURNE_TEST_VERSIONS=15,17` or all.
pub fn versions() -> Vec<u32> {
    let Ok(asked) = env::var("NOCTURNE_TEST_VERSIONS") else {
        return ALL.to_vec();
    };
    let mut versions: Vec<u32> = asked
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .map(|word| match word.parse() {
            Ok(version) if ALL.contains(&version) => version,
            _ => panic!("NOCTURNE_TEST_VERSIONS: {word:?} is not one of {ALL:?}"),
        })
        .collect();
    versions.sort_unstable();
    versions.dedup();
    assert!(!versions.is_empty(), "NOCTURNE_TEST_VERSIONS is empty: nothing would be tested");
    versions
}

/// The newest version under test, for tests that need not run on all of them.
pub fn newest() -> u32 {
    *versions().last().expect("never empty")
}

/// Runs a test on each version; a panic names the version.
pub fn for_each_version(test: impl Fn(&'static Cluster)) {
    for major in versions() {
        // The test's own message does not name the version.
        let _named = NameOnPanic(major);
        test(cluster(major));
    }
}

struct NameOnPanic(u32);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("(that was on PostgreSQL {})", self.0);
        }
    }
}

/// The programs of a version.
///
/// # Panics
/// If they are missing; the message says how to get them.
pub fn installation(major: u32) -> Installation {
    let places = [
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/postgres/{major}/bin")),
        PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")),
    ];
    places
        .iter()
        .filter_map(|bin| Installation::at(bin).ok())
        .chain(find_binaries().unwrap_or_default())
        .find(|found| found.version.major == major && found.program("pg_dump").exists())
        .unwrap_or_else(|| {
            panic!(
                "PostgreSQL {major} is missing: run `tests/postgres/fetch.sh {major}`, or name \
                 the versions that you have in NOCTURNE_TEST_VERSIONS (say 15,17)"
            )
        })
}
