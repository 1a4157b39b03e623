//! What is read from a stream before a session takes it, and what happens to it.

use super::sources::{archive, piped, sample};
use crate::common::gate::{AT_GATE, Gate, ONE_WAITS, ROW, at_gate};
use crate::common::versions::newest;
use crate::common::{Running, assert_same_database, cluster, nocturne};

#[test]
fn other_stream_tables_load_during_a_slow_one() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("slow");
    // More than what is in flight to a session anyway.
    source.execute(&format!(
        "CREATE TABLE a_slow (id int, t text, CONSTRAINT gate CHECK (id <> 1 OR {AT_GATE}));
         CREATE TABLE b (id int);
         CREATE TABLE c (id int);
         INSERT INTO a_slow SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 50000) i;
         INSERT INTO b SELECT generate_series(1, 100);
         INSERT INTO c SELECT generate_series(1, 100);"
    ));
    for format in ["c", "t"] {
        let (_keep, path) = archive(&source, format, &["--compress=0"]);
        let target = cluster.fresh_db("stream");
        let gate = Gate::shut(&target, ROW);
        let args = ["-j", "2", "--split-size", "0"];
        let running = at_gate(Running::start_stream(&path, &target.url(), &args), &target);
        target.wait_until("EXISTS (SELECT FROM c)");
        assert_eq!(target.query(&format!("SELECT {ONE_WAITS}")), "t");
        drop(gate);
        running.wait().expect(0);
        assert_same_database(&target, &source);
    }
}

/// Without any buffer, and with a buffer smaller than a table.
#[test]
fn small_buffer_does_not_change_the_result() {
    let cluster = cluster(newest());
    let source = sample(cluster);
    for format in ["c", "t"] {
        let (_keep, path) = archive(&source, format, &["--compress=0"]);
        for (room, jobs) in [("0", "1"), ("0", "4"), ("64kB", "2"), ("300kB", "4")] {
            let target = cluster.fresh_db("room");
            let args = ["--read-ahead", room, "-j", jobs];
            let restored = piped(&path, &target, &args);
            assert_eq!(restored.code(), 0, "{format} {args:?}: {restored}");
            assert_same_database(&target, &source);
        }
    }
}

/// A string as the archive stores it, such as a dependency: an Int for its length before it.
fn string(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap();
    [&[0][..], &length.to_le_bytes(), text.as_bytes()].concat()
}

/// Rows that depend on later ones wait while there is buffer space. No pg_dump writes such
/// dependencies, so the test adds one to an archive.
#[test]
fn dependents_of_later_entries_wait_if_space_allows() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("family");
    let sql = "CREATE TABLE a_child (id int); CREATE TABLE b_parent (id int);";
    source.execute(&format!(
        "{sql} INSERT INTO a_child SELECT generate_series(1, 3000);
         INSERT INTO b_parent SELECT generate_series(1, 3000);"
    ));
    let (_keep, path) = archive(&source, "c", &["--compress=0", "--data-only"]);
    let listed = nocturne().args(["list", "--format", "json"]).arg(&path).succeed().stdout();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let entry = |name: &str| {
        let entries = listed["entries"].as_array().unwrap();
        let entry =
            entries.iter().find(|entry| entry["name"] == name && entry["desc"] == "TABLE DATA");
        let entry = entry.unwrap();
        (entry["dump_id"].to_string(), entry["dependencies"][0].to_string())
    };
    let (child, parent) = (entry("a_child"), entry("b_parent"));
    let mut bytes = std::fs::read(&path).unwrap();
    let (before, after) = (string(&child.1), string(&parent.0));
    let place = bytes.windows(before.len()).position(|part| part == before).unwrap();
    bytes.splice(place..place + before.len(), after);
    std::fs::write(&path, bytes).unwrap();

    for (room, code, rows) in [("64MB", 0, "3000"), ("0", 1, "0")] {
        let target = cluster.fresh_db("family");
        target.execute(sql);
        let args = ["--data-only", "-j", "2", "--read-ahead", room];
        let restored = piped(&path, &target, &args);
        assert_eq!(restored.code(), code, "{room}: {restored}");
        let late = "it depends on an entry that comes later in the stream";
        assert_eq!(restored.stderr().contains(late), code == 1, "{room}: {restored}");
        assert_eq!(target.query("SELECT count(*) FROM b_parent"), "3000", "{room}: {restored}");
        assert_eq!(target.query("SELECT count(*) FROM a_child"), rows, "{room}: {restored}");
    }
}

#[test]
fn table_with_refused_rows_blocks_nothing() {
    let cluster = cluster(newest());
    let source = sample(cluster);
    for format in ["c", "t"] {
        let (_keep, path) = archive(&source, format, &["--compress=0"]);
        for room in ["0", "100kB", "64MB"] {
            let target = cluster.fresh_db("refused");
            target.execute("CREATE TABLE a (id int CHECK (id < 1000), t text)");
            let args = ["-j", "2", "--read-ahead", room];
            let restored = piped(&path, &target, &args);
            assert_eq!(restored.code(), 1, "{format} {room}: {restored}");
            assert_eq!(target.query("SELECT count(*) FROM a"), "0", "{format} {room}");
            for table in ["s.b", "c"] {
                let rows = target.query(&format!("SELECT count(*) FROM {table}"));
                assert_eq!(rows, "3000", "{format} {room} {table}: {restored}");
            }
            let objects = "SELECT count(*) FROM pg_largeobject_metadata";
            assert_eq!(target.query(objects), "5", "{format} {room}: {restored}");
        }
    }
}

/// Tables that arrived before the stream broke off are worth keeping: all of them, each whole.
#[test]
fn received_part_of_a_broken_stream_is_loaded() {
    let cluster = cluster(newest());
    let source = sample(cluster);
    // Large objects come last.
    for format in ["c", "t"] {
        let (_keep, path) = archive(&source, format, &["--compress=0"]);
        let length = path.metadata().unwrap().len();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(length - length / 10).unwrap();
        for jobs in ["1", "2"] {
            let target = cluster.fresh_db("broken");
            let restored = piped(&path, &target, &["-j", jobs]);
            assert_eq!(restored.code(), 3, "{format} -j {jobs}: {restored}");
            for table in ["a", "s.b", "c"] {
                let rows = target.query(&format!("SELECT count(*) FROM {table}"));
                assert_eq!(rows, "3000", "{format} -j {jobs} {table}: {restored}");
            }
        }
    }
}
