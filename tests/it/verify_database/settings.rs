//! The settings of the dump's, the restore's and the comparison's sessions are not a
//! difference: values are compared, not their text.

use std::fs;

use super::source::{SOURCE, restored, verify};
use crate::common::versions::newest;
use crate::common::{Archive, Tool, cluster, for_each_version, nocturne};

/// Database settings that change the text of values.
const SETTINGS: [(&str, &str); 8] = [
    ("timezone", "America/St_Johns"),
    ("datestyle", "German, DMY"),
    ("intervalstyle", "iso_8601"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-5"),
    ("quote_all_identifiers", "on"),
    ("xmloption", "document"),
    ("default_transaction_read_only", "on"),
];

fn set_all(url: &str, database: &str) -> String {
    let set = |(name, value): &(&str, &str)| {
        format!("ALTER DATABASE \"{database}\" SET {name} = '{}';", value.replace(", ", "', '"))
    };
    assert!(!url.is_empty());
    SETTINGS.iter().map(set).collect()
}

#[test]
fn database_settings_neither_cause_nor_hide_differences() {
    for_each_version(|cluster| {
        let archive = Archive::of(cluster, SOURCE);
        let target = restored(&archive, cluster);
        target.execute(&set_all(&target.url(), &target.name));
        let verified = verify(&archive.path(), &target.url(), &[]).expect(0);
        // The session's own settings are enough.
        assert_eq!(verified.exactly(), [""; 0], "{}", verified.finished);
        target.execute(
            "SET default_transaction_read_only = off; UPDATE kinds SET share = 1 WHERE n = 9",
        );
        let verified = verify(&archive.path(), &target.url(), &[]).expect(1);
        assert_eq!(verified.differences(), ["kinds different same row count, different rows"]);
    });
}

#[test]
fn dump_settings_neither_cause_nor_hide_differences() {
    for_each_version(|cluster| {
        let source = cluster.fresh_db("odd_source");
        source.execute(SOURCE);
        source.execute(&set_all(&source.url(), &source.name));
        let archive = Archive::dump(&source, &["--format=custom"]);
        let target = restored(&archive, cluster);
        let verified = verify(&archive.path(), &target.url(), &[]).expect(0);
        assert_eq!(verified.exactly(), ["kinds"], "{}", verified.finished);
        // Also from a file read as a stream.
        let zipped = archive.path().with_extension("gz");
        let gzip = Tool::new("gzip").arg("-c").arg(archive.path()).succeed();
        fs::write(&zipped, gzip.stdout_bytes()).unwrap();
        let verified = verify(&zipped, &target.url(), &[]).expect(0);
        assert_eq!(verified.exactly(), ["kinds"], "{}", verified.finished);
        // A source that cannot be read twice leaves it open.
        let tool = nocturne().args(["verify", "-d", &target.url()]);
        let piped = tool.input(fs::read(&zipped).unwrap()).run().expect_code(1);
        assert!(piped.stdout().contains("NOT COMPARED: its rows differ as text"), "{piped}");

        target.execute("UPDATE kinds SET at = at + '1 microsecond' WHERE n = 3");
        for path in [archive.path(), zipped] {
            let verified = verify(&path, &target.url(), &[]).expect(1);
            let differences = verified.differences();
            assert_eq!(differences, ["kinds different same row count, different rows"]);
        }
        // The comparison leaves nothing behind.
        let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'nocturne%'";
        assert_eq!(target.query(left), "0");
    });
}

#[test]
fn times_are_also_compared_in_the_databases_zone() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("zoned");
    source.execute(SOURCE);
    let zone = |name: &str| format!("ALTER DATABASE \"{name}\" SET timezone = 'Europe/Paris'");
    source.execute(&zone(&source.name));
    let archive = Archive::dump(&source, &["--format=custom"]);
    let target = restored(&archive, cluster);
    target.execute(&zone(&target.name));
    let verified = verify(&archive.path(), &target.url(), &[]).expect(0);
    assert_eq!(verified.exactly(), [""; 0], "{}", verified.finished);
}

#[test]
fn insert_statements_are_compared_by_value() {
    for_each_version(|cluster| {
        for args in [&["--inserts"][..], &["--column-inserts", "--rows-per-insert=7"]] {
            let archive = Archive::with(cluster, SOURCE, &[&["--format=custom"], args].concat());
            let target = restored(&archive, cluster);
            let verified = verify(&archive.path(), &target.url(), &["-j", "2"]).expect(0);
            assert!(verified.exactly().contains(&"plain".to_owned()), "{}", verified.finished);
            target.execute(
                "UPDATE plain SET word = 'W7' WHERE id = 7; DELETE FROM parts WHERE id = 1",
            );
            let verified = verify(&archive.path(), &target.url(), &[]).expect(1);
            let expected =
                ["parts different 1 row too few", "plain different same row count, different rows"];
            let mut differences = verified.differences();
            differences.sort();
            assert_eq!(differences, expected, "{}", verified.finished);
        }
    });
}

#[test]
fn rows_are_compared_across_encodings() {
    let cluster = cluster(newest());
    let sql =
        "CREATE TABLE words (word text); INSERT INTO words VALUES ('été'), ('naïve'), ('œuf')";
    let archive = Archive::with(cluster, sql, &["--format=custom", "--encoding=LATIN9"]);
    let target = restored(&archive, cluster);
    verify(&archive.path(), &target.url(), &[]).expect(0);
    // A character that the archive's encoding lacks.
    target.execute("UPDATE words SET word = '日本' WHERE word = 'œuf'");
    let verified = verify(&archive.path(), &target.url(), &[]).expect(1);
    assert_eq!(verified.differences(), ["words different same row count, different rows"]);
}
