//! What is read of a stream before a session takes it.

use crate::common::gate::{AT_GATE, Gate, ONE_WAITS, ROW, at_gate};
use crate::common::versions::newest;
use crate::common::{Running, assert_same_database, cluster};
use crate::sources::{archive, piped, sample};

#[test]
fn other_tables_of_a_stream_are_loaded_while_one_takes_long() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("slow");
    // More than what is on its way to a session anyhow.
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

/// Without any room, and with room for less than a table.
#[test]
fn little_room_changes_nothing_of_the_result() {
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

/// Tables that had come when the stream broke off are worth having: all of them, each whole.
#[test]
fn what_had_come_of_a_stream_that_breaks_off_is_loaded() {
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
