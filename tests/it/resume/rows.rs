//! Rows that cannot be loaded, dropping, and other factors that decide what another run does.

use super::source::{SOURCE, Source, assert_whole, resume, trace};
use crate::common::gate::{Gate, ROW, TRAP, at_gate, trap_command, untrap};
use crate::common::versions::newest;
use crate::common::{Running, assert_same_database, cluster, fixtures, fresh_name, restore};

/// Triggers must not fire for rows that another run loads.
#[test]
fn dependents_of_failed_rows_wait_for_their_reload() {
    let cluster = cluster(newest());
    let sql =
        SOURCE.replace("CONSTRAINT gate", "CONSTRAINT ok CHECK (public.ok()), CONSTRAINT gate");
    let sql = format!(
        "CREATE FUNCTION ok() RETURNS boolean LANGUAGE sql AS
             $$ SELECT current_database() NOT LIKE 'refuse%' $$; {sql}"
    );
    let source = Source::of(cluster, &sql, &["--format=custom"]);
    for jobs in ["1", "4"] {
        let target = cluster.fresh_db("refuse");
        let args = ["-j", jobs, "--resume"];
        let restored = restore(&source.path(), &target, &args).expect(1);
        assert_eq!(restored.failed()[0], "TABLE DATA big: 23514", "{}", restored.finished);
        assert!(restored.stderr().contains("the journal stays in the target"));
        assert_eq!(
            target.query("SELECT count(*) FROM pg_index WHERE indrelid = 'big'::regclass"),
            "0"
        );
        assert_eq!(
            target.query("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'big'::regclass"),
            "0"
        );
        let done = trace(&target, "z_last");
        // The cause is gone.
        target.execute(
            "CREATE OR REPLACE FUNCTION ok() RETURNS boolean LANGUAGE sql AS $$ SELECT true $$",
        );
        restore(&source.path(), &target, &args).expect(0);
        assert_eq!(trace(&target, "z_last"), done);
        target.execute(
            "CREATE OR REPLACE FUNCTION ok() RETURNS boolean LANGUAGE sql AS
             $$ SELECT current_database() NOT LIKE 'refuse%' $$",
        );
        assert_whole(&source, &target);
    }
}

#[test]
fn another_run_does_not_drop_restored_objects() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("clean");
    restore(&source.path(), &target, &[]).expect(0);
    let gate = Gate::shut(&target, ROW);
    let args = ["-j", "1", "--clean"];
    let first = [&args[..], &["--resume"]].concat();
    let running = at_gate(Running::start(&source.path(), &target.url(), &first), &target);
    running.kill();
    let done = trace(&target, "a_first");
    drop(gate);
    resume(&source, &target, &args);
    assert_eq!(trace(&target, "a_first"), done);
}

/// Its process may have been killed between the end of the journal and its own.
#[test]
fn finished_restore_is_not_started_again() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("finished");
    restore(&source.path(), &target, &["--resume"]).expect(0);
    let again = restore(&source.path(), &target, &["--resume"]);
    assert_eq!(again.finished.code(), 1);
    let said = again.stderr();
    assert!(said.contains(" already exists: a finished restore is not started again"), "{said}");
    assert_whole(&source, &target);
    restore(&source.path(), &target, &["--resume", "--clean"]).expect(0);
    assert_whole(&source, &target);
}

#[test]
fn interrupted_drop_is_repeated() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("clean");
    restore(&source.path(), &target, &[]).expect(0);
    // The restore's first definition apart from its journal is that of the type.
    trap_command(&target, 4);
    let gate = Gate::shut(&target, TRAP);
    let args = ["-j", "1", "--clean"];
    let first = [&args[..], &["--resume"]].concat();
    let running = at_gate(Running::start(&source.path(), &target.url(), &first), &target);
    running.kill();
    drop(gate);
    untrap(&target);
    // As if the line after the last DROP had not been written.
    target.execute("DELETE FROM nocturne.restore_journal_line WHERE mark = 'dropped'");
    resume(&source, &target, &args);
}

#[test]
fn data_only_restore_loads_once() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("data");
    restore(&source.path(), &target, &["--section=pre-data"]).expect(0);
    let gate = Gate::shut(&target, ROW);
    let args = ["-j", "1", "--section=data"];
    let first = [&args[..], &["--resume"]].concat();
    let running = at_gate(Running::start(&source.path(), &target.url(), &first), &target);
    running.kill();
    let done = trace(&target, "a_first");
    drop(gate);
    restore(&source.path(), &target, &first).expect(0);
    assert_eq!(trace(&target, "a_first"), done);
    restore(&source.path(), &target, &["--section=post-data"]).expect(0);
    assert_whole(&source, &target);
}

#[test]
fn role_without_create_privilege_gets_an_explanation() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, "CREATE TABLE t ()", &["--format=custom"]);
    let target = cluster.fresh_db("schema");
    let role = fresh_name("guest");
    target.execute(&format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}"));
    let url = target.url().replace("user=postgres", &format!("user={role}"));
    let restored = crate::common::restore_to(&source.path(), &url, &["--no-owner", "--resume"]);
    assert_eq!(restored.finished.code(), 1);
    let said = restored.stderr();
    assert!(said.contains("cannot keep the journal in the target (schema nocturne)"), "{said}");
    assert!(said.contains("permission denied"), "{said}");
    target.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// An index on the root, or a key that refers to it, must not be in the way of a partition's rows.
#[test]
fn failed_partition_rows_hold_up_their_roots_objects() {
    let cluster = cluster(newest());
    let sql = "
        CREATE FUNCTION ok() RETURNS boolean LANGUAGE sql AS
            $$ SELECT current_database() NOT LIKE 'refuse%' $$;
        CREATE TABLE root (id int PRIMARY KEY, t text) PARTITION BY RANGE (id);
        CREATE TABLE middle PARTITION OF root FOR VALUES FROM (0) TO (2000) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF middle (CONSTRAINT ok CHECK (public.ok()))
            FOR VALUES FROM (0) TO (1000);
        CREATE TABLE high PARTITION OF middle FOR VALUES FROM (1000) TO (2000);
        CREATE TABLE child (id int REFERENCES root);
        INSERT INTO root SELECT i, 'r' || i FROM generate_series(0, 1999) i;
        INSERT INTO child SELECT i FROM generate_series(1000, 1100) i;
        CREATE INDEX root_t ON root (t);
        CREATE TABLE audit (what text);
        CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO public.audit VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
        CREATE TRIGGER told AFTER INSERT ON root FOR EACH ROW EXECUTE FUNCTION told();";
    let source = Source::of(cluster, sql, &["--format=custom"]);
    for jobs in ["1", "3"] {
        let target = cluster.fresh_db("refuse");
        let args = ["-j", jobs, "--resume"];
        let restored = restore(&source.path(), &target, &args).expect(1);
        assert_eq!(restored.failed(), ["TABLE DATA low: 23514"], "{}", restored.finished);
        let done = trace(&target, "high");
        let ok = |body: &str| {
            target.execute(&format!(
                "CREATE OR REPLACE FUNCTION ok() RETURNS boolean LANGUAGE sql AS $$ {body} $$"
            ));
        };
        ok("SELECT true");
        restore(&source.path(), &target, &args).expect(0);
        // As it is in the archive.
        ok("SELECT current_database() NOT LIKE 'refuse%'");
        assert_eq!(trace(&target, "high"), done);
        assert_whole(&source, &target);
    }
}

#[test]
fn every_kind_of_object_can_be_recorded() {
    let mut tested = 0;
    for (number, fixture) in fixtures().iter().enumerate() {
        if !fixture.name.starts_with("every-") || number % 3 > 0 {
            continue;
        }
        let cluster = cluster(fixture.major);
        let (expected, actual) = (cluster.fresh_db("expected"), cluster.fresh_db("actual"));
        let jobs = ["1", "3"][number % 2];
        let plain = restore(&fixture.path, &expected, &["-j", jobs]);
        let ours = restore(&fixture.path, &actual, &["-j", jobs, "--resume"]);
        assert_eq!(ours.finished.code(), plain.finished.code(), "{}", ours.finished);
        assert_eq!(ours.failed(), plain.failed(), "{}", ours.finished);
        if ours.finished.code() != 0 {
            // It stays after errors.
            actual.execute("DROP SCHEMA nocturne CASCADE");
        }
        assert_same_database(&actual, &expected);
        tested += 1;
    }
    assert!(tested > 2, "{tested}");
}

#[test]
fn multi_entry_transactions_are_resumed() {
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let target = cluster.fresh_db("batches");
    let gate = Gate::shut(&target, ROW);
    let args = ["--transaction-size", "3"];
    let first = [&args[..], &["--resume"]].concat();
    let running = at_gate(Running::start(&source.path(), &target.url(), &first), &target);
    running.kill();
    drop(gate);
    let restored = resume(&source, &target, &args);
    assert!(restored.total("skipped") > 5, "{}", restored.finished);
}
