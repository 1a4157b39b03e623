//! Indexes of partition trees become valid, whatever is attached at the same time.

use crate::common::compare::dump;
use crate::common::gate::{Gate, TRAP, at_gate, untrap};
use crate::common::{Archive, Running, assert_same_database, cluster, versions};

/// Three branches with three leaves each, and keys of every kind that an index stands behind.
const TREE: &str = "
    CREATE TABLE root (id int, branch int, leaf int, t text,
        PRIMARY KEY (id, branch, leaf), UNIQUE (t, branch, leaf)) PARTITION BY LIST (branch);
    DO $$ BEGIN FOR b IN 1..3 LOOP
        EXECUTE format('CREATE TABLE a_%s PARTITION OF root FOR VALUES IN (%1$s)
            PARTITION BY LIST (leaf)', b);
        FOR l IN 1..3 LOOP
            EXECUTE format('CREATE TABLE z_%s_%s PARTITION OF a_%1$s FOR VALUES IN (%2$s)', b, l);
        END LOOP; END LOOP; END $$;
    CREATE INDEX by_text ON root (t);
    INSERT INTO root SELECT i, i % 3 + 1, i / 3 % 3 + 1, i FROM generate_series(1, 90) i;";

/// The attaching of a branch's last leaf waits at the gate, with all its work done.
const TRAP_LAST_LEAF: &str = "
    CREATE SCHEMA trap;
    CREATE FUNCTION trap.wait() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM pg_inherits h JOIN pg_class c ON c.oid = inhparent
                WHERE h.xmin = pg_current_xact_id()::xid AND relname LIKE 'a%'
                    AND (SELECT count(*) FROM pg_inherits s WHERE s.inhparent = h.inhparent) = 3)
        THEN PERFORM pg_catalog.pg_advisory_xact_lock_shared(78); END IF;
    END $$;
    CREATE EVENT TRIGGER wait ON ddl_command_end WHEN TAG IN ('ALTER INDEX')
        EXECUTE FUNCTION trap.wait();";

/// No session except those at the gate has done anything for a while: whatever can overlap does.
const STILL: &str = "(SELECT max(state_change) < clock_timestamp() - interval '300 ms'
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name <> 'gate')";

#[test]
fn attaches_of_one_tree_do_not_overlap() {
    let cluster = cluster(versions::newest());
    let archive = Archive::of(cluster, TREE);
    let expected = cluster.fresh_db("trees_expected");
    assert!(expected.pg_restore(&archive.path(), &[]).success());
    assert!(!dump(&expected).contains(", invalid"), "pg_restore leaves none");
    let target = cluster.fresh_db("trees");
    target.execute(TRAP_LAST_LEAF);
    let gate = Gate::shut(&target, TRAP);
    let running = Running::start(&archive.path(), &target.url(), &["-j", "4"]);
    let running = at_gate(running, &target);
    target.wait_until(STILL);
    drop(gate);
    running.wait().expect(0);
    untrap(&target);
    assert_same_database(&target, &expected);
}
