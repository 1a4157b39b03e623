//! Failures while several sessions load a table: it is empty afterwards, and this is reported.

use super::source::{BIG, ROWS, SPLIT, met, sessions, together};
use crate::common::gate::{Gate, NO_SESSION, ONE_WAITS, PACED, ROW};
use crate::common::versions::newest;
use crate::common::{Archive, cluster, restore};

/// The archive of the big table.
fn archive(args: &[&str]) -> Archive {
    Archive::with(cluster(newest()), &[PACED, BIG].concat(), args)
}

#[test]
fn refused_row_empties_table_and_names_archive_position() {
    let archive = archive(&["--format=custom"]);
    for format in ["text", "binary"] {
        let target = cluster(newest()).fresh_db("refuse");
        let args = ["--copy-format", format];
        let restored = together(&archive.path(), &target, "big", 3, &args).expect(1);
        assert_eq!(restored.failed()[0], "TABLE DATA big: 23514", "{}", restored.finished);
        let detail = restored.summary["failures"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("ROW: 25000 of the archive's data"), "{detail}");
        assert_eq!(target.rows("big"), 0);
        // The sessions continue with what comes next.
        assert_eq!(target.rows("small"), 10);
    }
}

#[test]
fn table_of_a_killed_session_is_loaded_again() {
    let archive = archive(&["--format=custom"]);
    // The one that waits at its row, and those that continue meanwhile.
    for (victims, count) in [("=", 1), ("<>", 2)] {
        let target = cluster(newest()).fresh_db("killed");
        let gate = Gate::shut(&target, ROW);
        let args = ["--copy-format", "binary"];
        let (running, pace) = met(&archive.path(), &target, "big", 3, &args);
        target.wait_until(ONE_WAITS);
        // By the lock that each holds on the table until its transaction ends.
        let waiting = "(SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 \
             AND NOT granted AND database = (SELECT oid FROM pg_database \
                 WHERE datname = current_database()))";
        let victims = format!(
            "pid {victims} {waiting} AND pid IN (SELECT pid FROM pg_locks \
             WHERE relation = 'big'::regclass AND mode = 'RowExclusiveLock')"
        );
        assert_eq!(target.kill_backends(&victims), count);
        drop((gate, pace));
        let restored = running.wait().expect(0);
        let said = "TABLE DATA public.big interrupted, retrying";
        assert!(restored.stderr().contains(said), "{}", restored.finished);
        assert_eq!((target.rows("big"), target.rows("small")), (ROWS, 10));
    }
}

#[test]
fn signal_rolls_every_session_back() {
    let archive = archive(&["--format=custom"]);
    let target = cluster(newest()).fresh_db("signal");
    let _gate = Gate::shut(&target, ROW);
    let (running, pace) = met(&archive.path(), &target, "big", 3, &[]);
    drop(pace);
    target.wait_until(ONE_WAITS);
    running.signal("TERM");
    running.wait().expect(130);
    target.wait_until(NO_SESSION);
    assert_eq!(target.rows("big"), 0);
}

#[test]
fn truncated_archive_leaves_the_table_empty() {
    let archive = archive(&["--format=directory", "--compress=1"]);
    let largest = std::fs::read_dir(archive.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let whole = std::fs::read(&largest).unwrap();
    for cut in [1, 8, whole.len() / 3] {
        std::fs::write(&largest, &whole[..whole.len() - cut]).unwrap();
        let target = cluster(newest()).fresh_db("truncated");
        let restored = together(&archive.path(), &target, "big", 3, &[]).expect(1);
        assert_eq!(restored.failed()[0], "TABLE DATA big: ", "{cut}: {}", restored.finished);
        assert_eq!(target.rows("big"), 0);
    }
}

/// As soon as the table exists, the database has a deferred trigger that lets only one
/// transaction commit: each checks once whether another has.
#[test]
fn table_with_one_failed_commit_is_emptied() {
    let archive = archive(&["--format=custom"]);
    let target = cluster(newest()).fresh_db("one");
    target.execute(
        "CREATE SCHEMA trap;
         CREATE FUNCTION trap.only_one() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF current_setting('trap.has_looked', true) = 'yes' THEN
                     RETURN NULL;
                 END IF;
                 PERFORM set_config('trap.has_looked', 'yes', true);
                 -- A trigger that reads the table would keep it to one session.
                 IF NOT pg_catalog.pg_try_advisory_lock(80) THEN
                     RAISE 'another has committed';
                 END IF;
                 RETURN NULL;
             END $$;
         CREATE FUNCTION trap.lay() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands()
                         WHERE object_identity = 'public.big' AND command_tag = 'CREATE TABLE') THEN
                     CREATE CONSTRAINT TRIGGER only_one AFTER INSERT ON public.big
                         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
                         EXECUTE FUNCTION trap.only_one();
                 END IF;
             END $$;
         CREATE EVENT TRIGGER lay ON ddl_command_end EXECUTE FUNCTION trap.lay();",
    );
    let restored = together(&archive.path(), &target, "big", 3, &[]).expect(1);
    assert_eq!(restored.failed()[0], "TABLE DATA big: P0001", "{}", restored.finished);
    assert_eq!(target.rows("big"), 0);

    // Alone, the trigger lets it pass.
    target.execute("DROP TABLE big, small CASCADE; DROP FUNCTION paced;");
    restore(&archive.path(), &target, &["-j", "1", SPLIT[0], SPLIT[1]]).expect(0);
    assert_eq!((target.rows("big"), sessions(&target, "big")), (ROWS, 1));
}
