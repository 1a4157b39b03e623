//! The commands of `make demo`, and the promises of `restore --embedded --query`.

use crate::common::versions::{installation, newest};
use crate::common::{Tool, nocturne};

/// A restore of the demo's archive into a throw-away server whose folder is below `temporary`.
fn demo(temporary: &std::path::Path, query: &str) -> Tool {
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/warehouse-demo.tar.gz");
    nocturne().env("PG_BIN", installation(newest()).bin).env("TMPDIR", temporary).args([
        "restore",
        archive,
        "--embedded",
        "--exit",
        "-j",
        "2",
        "--query",
        query,
    ])
}

#[test]
fn demo_answers_from_the_restored_rows() {
    let temporary = tempfile::tempdir().unwrap();
    let finished = demo(temporary.path(), include_str!("../../sql/warehouse/demo.sql")).run();
    assert_eq!(finished.code(), 0, "{finished}");
    let answer = finished.stdout();
    assert!(answer.starts_with("rows in answers\t60800\n"), "{answer}");
    assert_eq!(answer.lines().count(), 7, "{answer}");
    assert!(finished.stderr().contains("no errors: 180 entries done"), "{finished}");
    assert_eq!(temporary.path().read_dir().unwrap().count(), 0, "files are left behind");
}

#[test]
fn failed_query_makes_the_exit_code_1() {
    let temporary = tempfile::tempdir().unwrap();
    let finished = demo(temporary.path(), "SELECT 1 FROM nowhere").run();
    assert_eq!(finished.code(), 1, "{finished}");
    assert!(finished.stderr().contains("nocturne: --query: "), "{finished}");
    assert!(finished.stderr().contains("\"nowhere\" does not exist"), "{finished}");
}
