//! Several sessions load the same as one.

use super::source::{BIG, ROWS, SPLIT, sessions, together};
use crate::common::gate::{Gate, PACE, PACED, copying};
use crate::common::versions::newest;
use crate::common::{
    Archive, Cluster, Database, Proxy, Running, Tool, assert_same_database, cluster, nocturne,
    restore, versions,
};

/// The database with the big table.
fn source(cluster: &Cluster) -> Database<'_> {
    let source = cluster.fresh_db("source");
    source.execute(&[PACED, BIG].concat());
    source
}

#[test]
fn split_table_equals_the_one_pg_restore_makes() {
    for (number, major) in versions().into_iter().enumerate() {
        let cluster = cluster(major);
        let source = source(cluster);
        let formats = [("custom", "text"), ("directory", "binary"), ("custom", "binary")];
        for (jobs, (archive, copy)) in (2..=4).zip(formats.into_iter().cycle().skip(number)) {
            let archive = Archive::dump(&source, &["--format", archive]);
            let expected = cluster.fresh_db("expected");
            assert!(expected.pg_restore(&archive.path(), &[]).success());
            let target = cluster.fresh_db("split");
            let args = ["--copy-format", copy];
            together(&archive.path(), &target, "big", jobs, &args).expect(0);
            assert_eq!(sessions(&target, "big"), jobs, "PostgreSQL {major}, {copy}");
            assert_same_database(&target, &expected);
        }
    }
}

#[test]
fn stream_is_split_with_or_without_known_sizes() {
    let cluster = cluster(newest());
    let source = source(cluster);
    let directory = Archive::dump(&source, &["--format=directory"]);
    let wrapped = directory.folder().join("a.tar.gz");
    let folder = directory.folder().to_str().unwrap();
    Tool::new("tar")
        .args(["-C", folder, "-czf", wrapped.to_str().unwrap(), "archive/toc.dat", "archive"])
        .succeed();
    let custom = Archive::dump(&source, &["--format=custom"]);
    // Behind a port the server may have any number of processors. This machine's are
    // known, and where there are two of them reading the stream keeps one busy.
    let elsewhere = Proxy::start(cluster);
    for archive in [&wrapped, &custom.path()] {
        let target = cluster.fresh_db("split");
        let pace = Gate::shut(&target, PACE);
        let args = ["-j", "3", SPLIT[0], SPLIT[1]];
        let running = Running::start_stream(archive, &elsewhere.url(&target), &args);
        target.wait_until(&format!("{} = 3", copying("big")));
        drop(pace);
        running.wait().expect(0);
        assert_eq!(sessions(&target, "big"), 3, "{}", archive.display());
        assert_same_database(&target, &source);
    }
}

#[test]
fn rows_longer_than_a_chunk_are_not_divided() {
    let cluster = cluster(newest());
    // From 100 bytes to 1.5 MB; one of 20 MB, too long to be buffered, and one of a type without
    // a binary form among those that have one.
    let sql = "
        CREATE TABLE wide (id int CHECK (public.paced(500)), t text, odd numeric);
        INSERT INTO wide SELECT i, (SELECT string_agg(md5((i * n)::text), '-' ORDER BY n)
                FROM generate_series(1, CASE i % 4 WHEN 0 THEN 3 WHEN 1 THEN 15000 ELSE 45000 END) n),
            CASE WHEN i = 20 THEN 'Infinity'::numeric ELSE i END
            FROM generate_series(1, 40) i;
        INSERT INTO wide SELECT 61, repeat(md5('61'), 20 * 32768), 0;
        INSERT INTO wide SELECT i, md5(i::text), 0 FROM generate_series(62, 90) i;";
    let source = cluster.fresh_db("source");
    source.execute(&[PACED, sql].concat());
    let archive = Archive::dump(&source, &["--format=custom", "--compress=1"]);
    let look = "SELECT md5(string_agg(id || md5(t) || odd, ',' ORDER BY id)) FROM wide";
    for format in ["text", "binary"] {
        let target = cluster.fresh_db("split");
        together(&archive.path(), &target, "wide", 3, &["--copy-format", format]).expect(0);
        assert_eq!((target.rows("wide"), sessions(&target, "wide")), (70, 3), "{format}");
        assert_eq!(target.query(look), source.query(look), "{format}");
    }
}

#[test]
fn ordered_or_existing_tables_load_through_one_session() {
    let cluster = cluster(newest());
    let source = source(cluster);
    let archive = Archive::dump(&source, &["--format=custom"]);
    // Long enough for others to join, if asked to.
    let slowly = |target: &Database<'_>, args: &[&str]| {
        let pace = Gate::shut(target, PACE);
        let running = Running::start(&archive.path(), &target.url(), args);
        target.wait_until(
            "EXISTS (SELECT FROM pg_stat_progress_copy \
             WHERE datname = current_database() AND tuples_processed >= 2000)",
        );
        // No session is counted for a table that others cannot see yet.
        assert_eq!(target.query(&format!("SELECT {} <= 1", copying("big"))), "t", "{args:?}");
        drop(pace);
        running.wait().expect(0);
        assert_eq!(sessions(target, "big"), 1, "{args:?}");
    };
    let whole: [&[&str]; 3] = [
        &["-j", "3", "--split-size", "0"],
        &["-j", "3", "--split-size", "1GB"],
        &["--transaction-size", "100", "--split-size", "64kB"],
    ];
    for args in whole {
        slowly(&cluster.fresh_db("whole"), args);
    }
    let target = cluster.fresh_db("whole");
    restore(&archive.path(), &target, &["--schema-only"]).expect(0);
    target.execute("ALTER TABLE small DROP CONSTRAINT small_big_fkey");
    slowly(&target, &["--data-only", "-j", "3", SPLIT[0], SPLIT[1]]);
    assert_eq!(
        target.query("SELECT max(ctid) = (SELECT ctid FROM big WHERE id = 50000) FROM big"),
        "t"
    );
}

#[test]
fn digests_cover_everything_the_sessions_load() {
    let cluster = cluster(newest());
    let archive = Archive::dump(&source(cluster), &["--format=custom"]);
    let digests = archive.folder().join("digests");
    let digests = digests.to_str().unwrap();
    nocturne().arg("verify").arg(archive.path()).args(["--write-digests", digests]).succeed();
    let target = cluster.fresh_db("split");
    together(&archive.path(), &target, "big", 3, &["--digests", digests]).expect(0);
    assert_eq!((target.rows("big"), sessions(&target, "big")), (ROWS, 3));

    // Another digest of the same length for the rows.
    let text = std::fs::read_to_string(digests).unwrap();
    let swapped: String = text
        .lines()
        .map(|line| match line.contains("big") && line.contains("TABLE DATA") {
            true => format!("{}\n", flipped(line)),
            false => format!("{line}\n"),
        })
        .collect();
    assert_ne!(swapped, text, "{text}");
    std::fs::write(digests, swapped).unwrap();
    let target = cluster.fresh_db("split");
    let restored = together(&archive.path(), &target, "big", 3, &["--digests", digests]).expect(1);
    assert!(restored.stderr().contains("do not match the digest file"), "{}", restored.finished);
    assert_eq!(target.rows("big"), 0);
}

/// A line with one digit of its digest changed.
fn flipped(line: &str) -> String {
    let at = line
        .as_bytes()
        .windows(64)
        .position(|run| run.iter().all(u8::is_ascii_hexdigit))
        .expect("a SHA-256");
    let other = if line.as_bytes()[at] == b'0' { "1" } else { "0" };
    format!("{}{other}{}", &line[..at], &line[at + 1..])
}
