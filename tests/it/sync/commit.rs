//! The reply to COMMIT is lost.

use super::nights::{Nights, Synced};
use crate::common::versions::newest;
use crate::common::{Cluster, Proxy, Running};

/// The server waits for a standby, which does not exist, once it has committed.
#[test]
fn commit_without_a_reply_is_found_in_the_manifest() {
    let server = Cluster::start(newest(), &[]);
    let nights = Nights::new(
        &server,
        "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 2000)",
    );
    nights.source.execute("DELETE FROM a WHERE id = 7");
    let archive = nights.dump();
    let standby = |name: &str| {
        let psql = nights.target.psql();
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'");
        psql.args(["--command", &set, "--command", "SELECT pg_reload_conf()"]).succeed();
        nights
            .target
            .wait_until(&format!("current_setting('synchronous_standby_names') = '{name}'"));
    };
    standby("missing");
    let proxy = Proxy::start(&server);
    let url = proxy.url(&nights.target);
    let running = Running::start_command("sync", &archive.path(), &url, &[]);
    nights.target.wait_until("EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')");
    proxy.cut_all();
    let synced = Synced(running.wait()).expect(0);
    assert_eq!(synced.changes(), ["a patched 0 1"]);
    standby("");
    assert_eq!(nights.target.rows("a"), 1999);
    assert_eq!(nights.night("SELECT 1").changes(), [""; 0]);
}
