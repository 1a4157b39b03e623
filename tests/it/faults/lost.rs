//! Sessions lost while the server works for them: their work continues and counts.

use crate::common::gate::{Gate, PACE};
use crate::common::versions::newest;
use crate::common::{Archive, Proxy, Running, cluster};

/// An index build that lasts while the gate [`PACE`] is closed, without waiting for a lock.
/// The sequence counts how often it was started: the first time is in the source.
const SLOW: &str = "
    CREATE SEQUENCE builds;
    CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_catalog.nextval('public.builds');
            WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(79) LOOP
                PERFORM pg_catalog.pg_sleep(0.01);
            END LOOP;
            RETURN $1;
        END $$;
    CREATE TABLE t (id int);
    INSERT INTO t VALUES (1);
    CREATE INDEX slow_idx ON t (slow(id));
";

/// The index is being built.
const BUILDS: &str = "EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' \
     AND datname = current_database() AND query LIKE 'CREATE INDEX slow_idx %')";

/// The session that asks whether it was built, 0 if there is none.
const ASKS: &str = "(SELECT coalesce(max(pid), 0) FROM pg_stat_activity \
     WHERE pid <> pg_backend_pid() AND datname = current_database() \
       AND query ~ 'txid_status|wait_event_type')";

/// Every connection is cut, twice: that of the statement, and that of the session asking for it.
#[test]
fn statement_that_outlives_its_connection_is_completed_once() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, SLOW);
    for options in [&["-j", "1"][..], &["-j", "1", "--resume"]] {
        let target = cluster.fresh_db("outlives");
        let gate = Gate::shut(&target, PACE);
        let proxy = Proxy::start(cluster);
        let running = Running::start(&archive.path(), &proxy.url(&target), options);
        target.wait_until(BUILDS);
        let mut before = "0".to_owned();
        for _ in 0..2 {
            proxy.cut_all();
            target.wait_until(&format!("{ASKS} NOT IN (0, {before})"));
            before = target.query(&format!("SELECT {ASKS}"));
        }
        // The warning that the statement is still running needs an answer from the server.
        target.wait_until(&format!(
            "EXISTS (SELECT FROM pg_stat_activity WHERE pid = {before} AND state = 'idle')"
        ));
        target.wait_until(BUILDS);
        drop(gate);
        let restored = running.wait().expect(0);
        assert_eq!(target.query("SELECT last_value FROM builds"), "2", "{}", restored.finished);
        let indexes = "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid";
        assert_eq!(target.query(indexes), "1", "{}", restored.finished);
        let said = restored.stderr();
        assert!(said.contains("the server is still running its statement"), "{said}");
        assert!(!said.contains("interrupted, retrying"), "{said}");
    }
}

#[test]
fn session_lost_at_the_settings_of_a_definition_is_replaced() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)");
    for setting in ["SET default_tablespace", "SET default_table_access_method"] {
        for options in [&["-j", "1"][..], &["-j", "1", "--resume"]] {
            let target = cluster.fresh_db("lost_settings");
            let proxy = Proxy::start(cluster);
            proxy.cut_at(setting);
            let restored = Running::start(&archive.path(), &proxy.url(&target), options).wait();
            let restored = restored.expect(0);
            assert_eq!(proxy.cut(), 1, "{setting}");
            assert_eq!(target.query("SELECT count(*) FROM t"), "2", "{}", restored.finished);
        }
    }
}
