//! Several entries in one transaction, and the first error.

use super::source::PAUSED;
use crate::common::gate::{AT_A_GATE, Gate, ROW, at_gate};
use crate::common::versions::newest;
use crate::common::{Archive, Running, cluster, restore};

const TABLES: &str = "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE c (id int);
     INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); INSERT INTO c VALUES (1);";

/// The number of tables in the schema `public`.
const TABLE_COUNT: &str =
    "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";

#[test]
fn single_transaction_rolls_back_at_the_first_error() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, TABLES);
    let target = cluster.fresh_db("single");
    target.execute("CREATE TABLE c (id int CHECK (id > 1))");
    let restored = restore(&archive.path(), &target, &["-1"]).expect(1);
    assert_eq!(restored.failed(), ["TABLE c: 42P07"], "{}", restored.finished);
    assert_eq!(target.query(TABLE_COUNT), "1", "{}", restored.finished);
    assert_eq!(
        restored.total("done"),
        0,
        "rolled back work is not reported as done: {}",
        restored.finished
    );

    target.execute("DROP TABLE c");
    restore(&archive.path(), &target, &["--single-transaction"]).expect(0);
    assert_eq!(target.rows("c"), 1);
}

#[test]
fn single_transaction_rolls_back_with_its_lost_session() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, PAUSED);
    for by_signal in [false, true] {
        let target = cluster.fresh_db("paused");
        let _gate = Gate::shut(&target, ROW);
        let running = Running::start(&archive.path(), &target.url(), &["-1"]);
        let running = at_gate(running, &target);
        if by_signal {
            running.signal("INT");
        } else {
            assert_eq!(target.kill_backends(AT_A_GATE), 1);
        }
        let restored = running.wait().expect(if by_signal { 130 } else { 1 });
        assert_eq!(target.query(TABLE_COUNT), "0", "{}", restored.finished);
        assert_eq!(restored.total("done"), 0, "{}", restored.finished);
        let hint = "hint: nothing was changed (-1): run the same command again";
        let said = restored.stderr();
        assert_eq!(said.lines().last() == Some(hint), by_signal, "{said}");
        assert!(!said.contains("--resume"), "{said}");
    }
}

#[test]
fn batches_before_the_error_are_kept() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, TABLES);
    let target = cluster.fresh_db("batches");
    target.execute("CREATE TABLE c (id int)");
    let args = ["--transaction-size", "1"];
    let restored = restore(&archive.path(), &target, &args).expect(1);
    assert_eq!(target.query(TABLE_COUNT), "3", "{}", restored.finished);
    assert_eq!(restored.total("done"), 2, "{}", restored.finished);

    let target = cluster.fresh_db("batches");
    target.execute("CREATE TABLE c (id int)");
    let args = ["--transaction-size", "1000"];
    let restored = restore(&archive.path(), &target, &args).expect(1);
    assert_eq!(target.query(TABLE_COUNT), "1", "{}", restored.finished);
    assert_eq!(restored.total("done"), 0, "{}", restored.finished);
}

#[test]
fn first_error_can_end_the_restore() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, TABLES);
    for jobs in ["1", "2"] {
        let target = cluster.fresh_db("stops");
        target.execute("CREATE TABLE b (id int)");
        let restored = restore(&archive.path(), &target, &["-e", "-j", jobs]).expect(1);
        assert_eq!(restored.failed(), ["TABLE b: 42P07"], "{}", restored.finished);
        assert_eq!(target.rows("a"), 0);
        assert_eq!(target.query("SELECT to_regclass('c') IS NULL"), "t");
        assert!(restored.stderr().contains("stopped at the first error"), "{}", restored.finished);
    }
}
