//! What goes wrong while several sessions load a table: it is empty afterwards, and told.

use crate::common::versions::newest;
use crate::common::{Running, cluster, restore};
use crate::source::{Archive, BIG, ROWS, SPLIT, rows, sessions};

/// Whether one of three sessions has come to row 25000.
const PAUSED: &str = "(SELECT count(*) FILTER (WHERE application_name = 'paused') = 1 \
     AND count(*) = 3 FROM pg_stat_activity \
     WHERE datname = current_database() AND query LIKE 'COPY%')";

#[test]
fn a_refused_row_leaves_the_table_empty_and_is_told_by_its_place_in_the_archive() {
    let cluster = cluster(newest());
    let archive = Archive::with(cluster, BIG, &["--format=custom"]);
    for format in ["text", "binary"] {
        let target = cluster.fresh_db("refuse");
        let args = ["-j", "3", "--copy-format", format, SPLIT[0], SPLIT[1]];
        let restored = restore(&archive.path(), &target, &args).expect(1);
        assert_eq!(restored.failed()[0], "TABLE DATA big: 23514", "{}", restored.finished);
        let detail = restored.summary["failures"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("ROW: 25000 of the archive's data"), "{detail}");
        assert_eq!(rows(&target, "big"), "0");
        // The sessions go on with what comes after.
        assert_eq!(rows(&target, "small"), "10");
    }
}

#[test]
fn a_table_is_loaded_again_when_a_session_was_killed_in_the_middle() {
    let cluster = cluster(newest());
    let archive = Archive::with(cluster, BIG, &["--format=custom"]);
    // The one at that row, and those that go on beside it.
    for (name, victims, count) in [("pause3", "=", 1), ("pause3", "<>", 2)] {
        let target = cluster.fresh_db(name);
        let args = ["-j", "3", "--copy-format", "binary", SPLIT[0], SPLIT[1]];
        let running = Running::start(&archive.path(), &target.url(), &args);
        target.wait_until(PAUSED);
        let victims = format!("query LIKE 'COPY%' AND application_name {victims} 'paused'");
        assert_eq!(target.kill_backends(&victims), count);
        let restored = running.wait().expect(0);
        let said = "TABLE DATA public.big is tried again";
        assert!(restored.stderr().contains(said), "{}", restored.finished);
        assert_eq!(rows(&target, "big"), ROWS);
        assert_eq!(rows(&target, "small"), "10");
    }
}

#[test]
fn a_signal_rolls_every_session_back() {
    let cluster = cluster(newest());
    let archive = Archive::with(cluster, BIG, &["--format=custom"]);
    let target = cluster.fresh_db("pause60");
    let args = ["-j", "3", SPLIT[0], SPLIT[1]];
    let running = Running::start(&archive.path(), &target.url(), &args);
    target.wait_until(PAUSED);
    running.signal("TERM");
    running.wait().expect(130);
    target.wait_until(
        "NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid())",
    );
    assert_eq!(rows(&target, "big"), "0");
}

#[test]
fn a_truncated_archive_leaves_the_table_empty() {
    let cluster = cluster(newest());
    let archive = Archive::with(cluster, BIG, &["--format=directory", "--compress=1"]);
    let largest = std::fs::read_dir(archive.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let whole = std::fs::read(&largest).unwrap();
    for cut in [1, 8, whole.len() / 3] {
        std::fs::write(&largest, &whole[..whole.len() - cut]).unwrap();
        let target = cluster.fresh_db("slow");
        let args = ["-j", "3", SPLIT[0], SPLIT[1]];
        let restored = restore(&archive.path(), &target, &args).expect(1);
        assert_eq!(restored.failed()[0], "TABLE DATA big: ", "{cut}: {}", restored.finished);
        assert_eq!(rows(&target, "big"), "0");
    }
}

/// In the database there is a deferred trigger as soon as there is the table, which lets only one
/// transaction commit.
#[test]
fn a_table_of_which_one_session_could_not_commit_is_emptied() {
    let cluster = cluster(newest());
    let archive = Archive::with(cluster, BIG, &["--format=custom"]);
    let target = cluster.fresh_db("slow");
    target.execute(
        "CREATE SCHEMA trap;
         CREATE FUNCTION trap.only_one() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF EXISTS (SELECT FROM public.big WHERE xmin <> NEW.xmin) THEN
                     RAISE 'another has committed';
                 END IF;
                 RETURN NULL;
             END $$;
         CREATE FUNCTION trap.lay() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands()
                         WHERE object_identity = 'public.big' AND command_tag = 'CREATE TABLE') THEN
                     CREATE CONSTRAINT TRIGGER only_one AFTER INSERT ON public.big
                         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id % 1000 = 0)
                         EXECUTE FUNCTION trap.only_one();
                 END IF;
             END $$;
         CREATE EVENT TRIGGER lay ON ddl_command_end EXECUTE FUNCTION trap.lay();",
    );
    let args = ["-j", "3", SPLIT[0], SPLIT[1]];
    let restored = restore(&archive.path(), &target, &args).expect(1);
    assert_eq!(restored.failed()[0], "TABLE DATA big: P0001", "{}", restored.finished);
    assert_eq!(rows(&target, "big"), "0");

    // Alone, the trigger lets it pass.
    target.execute("DROP EVENT TRIGGER lay; DROP TABLE big, small CASCADE;");
    target.execute("DROP FUNCTION held_up;");
    let target = cluster.fresh_db("slow");
    restore(&archive.path(), &target, &args).expect(0);
    assert_eq!((rows(&target, "big"), sessions(&target, "big")), (ROWS.to_owned(), 3));
}
