//! Archives of every form, and rows that pg_dump's session wrote in another way than ours.

use super::nights::{Nights, sync_to};
use crate::common::versions::newest;
use crate::common::{Archive, cluster, for_each_version};

const TIMES: &str = "
    CREATE TABLE times (id int PRIMARY KEY, at timestamptz, number float8);
    INSERT INTO times SELECT n, timestamptz '2026-03-01' + n * interval '1 hour', n / 7.0
    FROM generate_series(1, 12000) n;";

const CHANGE: &str = "UPDATE times SET at = at + interval '1 s' WHERE id = 7;
                      DELETE FROM times WHERE id = 8";

#[test]
fn all_formats_are_patched() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, TIMES);
        for (number, format) in ["custom", "directory", "tar"].into_iter().enumerate() {
            nights.source.execute(&format!("UPDATE times SET number = 0 WHERE id = {number} + 1"));
            let archive = Archive::dump(&nights.source, &["--format", format]);
            let synced = sync_to(&archive.path(), &nights.target.url(), &[]).expect(0);
            assert_eq!(synced.changes(), ["times patched 1 1"], "{format}");
            nights.assert_same();
            let again = sync_to(&archive.path(), &nights.target.url(), &[]).expect(0);
            assert_eq!(again.changes(), [""; 0], "{format}");
        }
    });
}

#[test]
fn times_in_the_zone_of_the_database_are_patched() {
    let nights = Nights::new(cluster(newest()), TIMES);
    for database in [&nights.source, &nights.target] {
        let name = &database.name;
        database.execute(&format!("ALTER DATABASE \"{name}\" SET timezone = 'Asia/Kolkata'"));
    }
    assert_eq!(nights.night(CHANGE).changes(), ["times patched 1 2"]);
}

#[test]
fn times_and_digits_written_otherwise_replace_the_table() {
    let nights = Nights::new(cluster(newest()), TIMES);
    let dump = |args: &[&str]| {
        let archive = tempfile::tempdir().unwrap();
        let path = archive.path().join("archive");
        let dumping = nights.source.pg_dump(args).env("PGTZ", "Asia/Tokyo").arg("--file");
        dumping.arg(&path).succeed();
        (archive, path)
    };
    for args in [&["-Fc"][..], &["-Fc", "--extra-float-digits=0"]] {
        let (_folder, path) = dump(args);
        let synced = sync_to(&path, &nights.target.url(), &[]).expect(0);
        assert_eq!(synced.changes(), ["times replaced 12000 12000"], "{args:?}");
        let again = sync_to(&path, &nights.target.url(), &[]).expect(0);
        assert_eq!(again.changes(), [""; 0], "{args:?}");
    }
}

#[test]
fn insert_statements_are_left_or_all_is_restored() {
    let nights = Nights::new(cluster(newest()), "CREATE TABLE t AS SELECT 1 AS n");
    let sync = |sql: &str| {
        nights.source.execute(sql);
        let archive = Archive::dump(&nights.source, &["-Fc", "--inserts"]);
        let synced = sync_to(&archive.path(), &nights.target.url(), &[]).expect(0);
        nights.assert_same();
        synced.reasons()
    };
    assert_eq!(sync("SELECT 1"), "public.t: its rows are INSERT statements");
    assert_eq!(sync("SELECT 1"), "");
    assert_eq!(sync("UPDATE t SET n = 2"), "public.t: its rows are INSERT statements");
}

#[test]
fn rows_in_another_encoding_are_patched() {
    let nights = Nights::new(
        cluster(newest()),
        "CREATE TABLE \"é\" (id int, \"ü\" text);
         INSERT INTO \"é\" SELECT n, 'ñ' || n FROM generate_series(1, 100) n;",
    );
    let sync = |sql: &str| {
        nights.source.execute(sql);
        let archive = Archive::dump(&nights.source, &["-Fc", "--encoding=LATIN1"]);
        let synced = sync_to(&archive.path(), &nights.target.url(), &[]).expect(0);
        nights.assert_same();
        synced
    };
    assert!(sync("SELECT 1").reasons().contains("encoding"));
    let synced = sync(
        "UPDATE \"é\" SET \"ü\" = 'œuvre?' WHERE id = 3 AND false; \
                       UPDATE \"é\" SET \"ü\" = 'ß' WHERE id = 7",
    );
    assert_eq!(synced.changes(), ["é patched 1 1"]);
    // Someone wrote what the archive's encoding lacks.
    nights.target.execute("UPDATE \"é\" SET \"ü\" = '€' WHERE id = 9");
    assert_eq!(sync("SELECT 1").changes(), ["é replaced 100 100"]);
}
