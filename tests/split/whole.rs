//! What several sessions load is what one loads.

use crate::common::versions::newest;
use crate::common::{Proxy, assert_same_database, cluster, nocturne, restore, versions};
use crate::source::{Archive, BIG, SPLIT, rows, sessions};

#[test]
fn a_table_through_two_to_four_sessions_is_the_one_that_pg_restore_makes() {
    for (number, major) in versions().into_iter().enumerate() {
        let cluster = cluster(major);
        let source = cluster.fresh_db("source");
        source.execute(BIG);
        let formats = [("custom", "text"), ("directory", "binary"), ("custom", "binary")];
        for (jobs, (archive, copy)) in (2..=4).zip(formats.into_iter().cycle().skip(number)) {
            let archive = Archive::of(&source, &["--format", archive]);
            let expected = cluster.fresh_db("expected");
            assert!(expected.pg_restore(&archive.path(), &[]).success());
            let target = cluster.fresh_db("slow");
            let count = jobs.to_string();
            let args = ["-j", &count, "--copy-format", copy, SPLIT[0], SPLIT[1]];
            restore(&archive.path(), &target, &args).expect(0);
            assert_eq!(sessions(&target, "big"), jobs, "PostgreSQL {major}, {copy}");
            assert_same_database(&target, &expected);
        }
    }
}

#[test]
fn a_stream_is_split_too_whether_or_not_it_tells_sizes() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("source");
    source.execute(BIG);
    let directory = Archive::of(&source, &["--format=directory"]);
    let wrapped = directory.folder().join("a.tar.gz");
    let folder = directory.folder().to_str().unwrap();
    crate::common::Tool::new("tar")
        .args(["-C", folder, "-czf", wrapped.to_str().unwrap(), "archive/toc.dat", "archive"])
        .succeed();
    let custom = Archive::of(&source, &["--format=custom"]);
    // Behind a port the server may have any number of processors. Those of this machine are
    // known, and where there are two of them reading the stream keeps one busy.
    let elsewhere = Proxy::start(cluster);
    for archive in [&wrapped, &custom.path()] {
        let target = cluster.fresh_db("slow");
        let url = elsewhere.url(&target);
        let args = ["restore", "-d", &url, "-j", "3", SPLIT[0], SPLIT[1]];
        let restored = nocturne().args(args).input(std::fs::read(archive).unwrap()).run();
        assert_eq!(restored.code(), 0, "{restored}");
        assert_eq!(sessions(&target, "big"), 3, "{}", archive.display());
        assert_same_database(&target, &source);
    }
}

#[test]
fn rows_longer_than_a_piece_are_not_divided() {
    let cluster = cluster(newest());
    // Of 100 bytes to 1.5 MB; one of 20 MB, too long to be collected, and one of a type that has
    // no binary form in the middle of those that have.
    let sql = "
        CREATE FUNCTION held_up(id int) RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_sleep(0.08) WHERE current_database() LIKE 'slow%';
                RETURN true;
            END $$;
        CREATE TABLE wide (id int CHECK (public.held_up(id)), t text, odd numeric);
        INSERT INTO wide SELECT i, (SELECT string_agg(md5((i * n)::text), '-' ORDER BY n)
                FROM generate_series(1, CASE i % 4 WHEN 0 THEN 3 WHEN 1 THEN 15000 ELSE 45000 END) n),
            CASE WHEN i = 20 THEN 'Infinity'::numeric ELSE i END
            FROM generate_series(1, 40) i;
        INSERT INTO wide SELECT 61, repeat(md5('61'), 20 * 32768), 0;
        INSERT INTO wide SELECT i, md5(i::text), 0 FROM generate_series(62, 90) i;";
    let source = cluster.fresh_db("source");
    source.execute(sql);
    let archive = Archive::of(&source, &["--format=custom", "--compress=1"]);
    let look = "SELECT md5(string_agg(id || md5(t) || odd, ',' ORDER BY id)) FROM wide";
    for format in ["text", "binary"] {
        let target = cluster.fresh_db("slow");
        let args = ["-j", "3", "--copy-format", format, SPLIT[0], SPLIT[1]];
        restore(&archive.path(), &target, &args).expect(0);
        assert_eq!(rows(&target, "wide"), "70");
        assert!(sessions(&target, "wide") > 1, "{format}");
        assert_eq!(target.query(look), source.query(look), "{format}");
    }
}

#[test]
fn what_keeps_an_order_or_was_there_before_is_loaded_by_one_session() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("source");
    source.execute(BIG);
    let archive = Archive::of(&source, &["--format=custom"]);
    let whole: [&[&str]; 3] = [
        &["-j", "3", "--split-size", "0"],
        &["-j", "3", "--split-size", "1GB"],
        &["--transaction-size", "100", "--split-size", "64kB"],
    ];
    for args in whole {
        let target = cluster.fresh_db("slow");
        restore(&archive.path(), &target, args).expect(0);
        assert_eq!(sessions(&target, "big"), 1, "{args:?}");
    }
    let target = cluster.fresh_db("slow");
    restore(&archive.path(), &target, &["--schema-only"]).expect(0);
    target.execute("ALTER TABLE small DROP CONSTRAINT small_big_fkey");
    let args = ["--data-only", "-j", "3", SPLIT[0], SPLIT[1]];
    restore(&archive.path(), &target, &args).expect(0);
    assert_eq!(sessions(&target, "big"), 1);
    assert_eq!(
        target.query("SELECT max(ctid) = (SELECT ctid FROM big WHERE id = 50000) FROM big"),
        "t"
    );
}

#[test]
fn digests_are_compared_with_all_that_the_sessions_load() {
    let cluster = cluster(newest());
    let archive = Archive::with(cluster, BIG, &["--format=custom"]);
    let digests = archive.folder().join("digests");
    let digests = digests.to_str().unwrap();
    nocturne().arg("verify").arg(archive.path()).args(["--write-digests", digests]).succeed();
    let args = ["-j", "3", "--digests", digests, SPLIT[0], SPLIT[1]];
    let target = cluster.fresh_db("slow");
    restore(&archive.path(), &target, &args).expect(0);
    assert_eq!(sessions(&target, "big"), 3);

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
    let target = cluster.fresh_db("slow");
    let restored = restore(&archive.path(), &target, &args).expect(1);
    assert!(restored.stderr().contains("not those of the digests"), "{}", restored.finished);
    assert_eq!(rows(&target, "big"), "0");
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
