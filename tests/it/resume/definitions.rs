//! Definitions whose session is lost, without a journal: the restore checks whether they exist.

use super::source::{Source, assert_whole};
use crate::common::gate::{Gate, TRAP, at_gate, trap_first, untrap};
use crate::common::versions::newest;
use crate::common::{Database, Proxy, Running, cluster};

/// One of each kind of definition statement.
const KINDS: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE SEQUENCE numbers START 42;
    CREATE TABLE parent (id int PRIMARY KEY DEFAULT nextval('numbers'), t text, m mood);
    CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent, t text UNIQUE);
    ALTER SEQUENCE numbers OWNED BY parent.id;
    INSERT INTO parent SELECT i, repeat(md5(i::text), 9), 'sad' FROM generate_series(1, 5000) i;
    INSERT INTO child SELECT i, i, repeat(md5(i::text), 9) FROM generate_series(1, 5000) i;
    CREATE INDEX child_parent ON child (parent);
    CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER told AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION told();
    CREATE MATERIALIZED VIEW many AS SELECT count(*) FROM child;
    CREATE VIEW few AS SELECT id FROM parent;
    COMMENT ON TABLE parent IS 'much';
    GRANT SELECT ON parent TO PUBLIC;
";

/// Ends the session that waits in the trap.
fn end_waiting(target: &Database<'_>) {
    let waiting = format!("pid IN (SELECT pid FROM pg_locks WHERE objid = {TRAP} AND NOT granted)");
    assert_eq!(target.kill_backends(&waiting), 1);
}

#[test]
fn definition_of_a_terminated_session_is_repeated() {
    for major in [15, newest()] {
        let cluster = cluster(major);
        let source = Source::of(cluster, KINDS, &["--format=custom"]);
        for tag in [
            "CREATE TYPE",
            "CREATE SEQUENCE",
            "CREATE TABLE",
            "ALTER SEQUENCE",
            "CREATE FUNCTION",
            "CREATE VIEW",
            "ALTER TABLE",
            "CREATE INDEX",
            "CREATE TRIGGER",
            "REFRESH MATERIALIZED VIEW",
            "COMMENT",
            "GRANT",
        ] {
            for jobs in ["1", "3"] {
                let target = cluster.fresh_db("ended");
                trap_first(&target, tag);
                let gate = Gate::shut(&target, TRAP);
                let running = Running::start(&source.path(), &target.url(), &["-j", jobs]);
                let running = at_gate(running, &target);
                end_waiting(&target);
                drop(gate);
                let restored = running.wait().expect(0);
                assert!(
                    restored.stderr().contains("interrupted, retrying: "),
                    "{tag}: {}",
                    restored.finished
                );
                untrap(&target);
                assert_whole(&source, &target);
            }
        }
    }
}

/// The server does not notice that its client is gone, and continues: the new session's work does
/// not wait for that.
#[test]
fn statements_of_a_lost_session_are_ended() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, KINDS, &["--format=custom"]);
    // With a journal, tables are created before the trap can tell the journal's own from others.
    let without = ["CREATE TABLE", "CREATE INDEX", "COMMENT"].map(|tag| (tag, &["-j", "1"][..]));
    let resumable: &[&str] = &["-j", "1", "--resume"];
    for (tag, args) in without.into_iter().chain([("CREATE INDEX", resumable)]) {
        let target = cluster.fresh_db("cut");
        trap_first(&target, tag);
        let gate = Gate::shut(&target, TRAP);
        let proxy = Proxy::start(cluster);
        let running = Running::start(&source.path(), &proxy.url(&target), args);
        let running = at_gate(running, &target);
        proxy.cut_all();
        // The gate stays closed: only ending the waiting session lets the restore continue.
        let restored = running.wait().expect(0);
        assert!(
            restored.stderr().contains("interrupted, retrying: "),
            "{tag}: {}",
            restored.finished
        );
        drop(gate);
        untrap(&target);
        assert_whole(&source, &target);
    }
}

/// The answer to COMMIT is lost.
#[test]
fn committed_index_is_not_built_again() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, KINDS, &["--format=custom"]);
    let target = cluster.fresh_db("mute");
    trap_first(&target, "CREATE INDEX");
    let gate = Gate::shut(&target, TRAP);
    let proxy = Proxy::start(cluster);
    let running = Running::start(&source.path(), &proxy.url(&target), &["-j", "1"]);
    let running = at_gate(running, &target);
    // COMMIT is in the same message.
    proxy.mute(true);
    drop(gate);
    target.wait_until("to_regclass('public.child_parent') IS NOT NULL");
    proxy.cut_all();
    proxy.mute(false);
    let restored = running.wait().expect(0);
    let again = restored.stderr().contains("INDEX public.child_parent interrupted, retrying");
    assert!(!again, "{}", restored.finished);
    untrap(&target);
    assert_whole(&source, &target);
}
