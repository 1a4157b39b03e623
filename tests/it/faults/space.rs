//! No space left.

use crate::common::versions::newest;
use crate::common::{Archive, Cluster, SmallDisk, cluster, restore};

#[test]
fn full_disk_empties_only_the_oversized_table() {
    let server = Cluster::start(newest(), &[]);
    let _disk = SmallDisk::mount(&server, "8M");
    let archive = Archive::of(
        &server,
        "CREATE TABLE a_before (id int); INSERT INTO a_before SELECT generate_series(1, 1000);
         CREATE TABLE big (t text) TABLESPACE small;
         CREATE TABLE z_after (id int); INSERT INTO z_after SELECT generate_series(1, 1000);
         ALTER TABLE big SET TABLESPACE pg_default;
         INSERT INTO big SELECT repeat(md5(i::text), 6) FROM generate_series(1, 60000) i;",
    );
    let target = server.fresh_db("full");
    // Only the big table goes to the small disk.
    target.execute("CREATE TABLE big (t text) TABLESPACE small");
    let args = ["-j", "2", "--tolerate", "already-exists"];
    let restored = restore(&archive.path(), &target, &args).expect(1);
    assert_eq!(restored.failed(), ["TABLE DATA big: 53100"], "{}", restored.finished);
    for (table, expected) in [("a_before", 1000), ("big", 0), ("z_after", 1000)] {
        assert_eq!(target.rows(table), expected, "{table}");
    }
}

#[test]
fn temporary_file_limit_fails_index_and_keeps_rows() {
    let cluster = cluster(newest());
    let archive = Archive::of(
        cluster,
        "CREATE TABLE t (id text); INSERT INTO t SELECT md5(i::text) || repeat('x', 60)
             FROM generate_series(1, 60000) i;
         CREATE INDEX t_idx ON t (id); CREATE TABLE u (id int PRIMARY KEY);",
    );
    let target = cluster.fresh_db("temp_files");
    target.execute(&format!(
        "ALTER DATABASE \"{0}\" SET temp_file_limit = '500kB';
         ALTER DATABASE \"{0}\" SET maintenance_work_mem = '1MB';
         ALTER DATABASE \"{0}\" SET max_parallel_maintenance_workers = 0;",
        target.name
    ));
    let restored = restore(&archive.path(), &target, &["-j", "2"]).expect(1);
    assert_eq!(restored.failed(), ["INDEX t_idx: 53400"], "{}", restored.finished);
    assert_eq!(target.rows("t"), 60_000);
    assert_eq!(target.query("SELECT to_regclass('u_pkey') IS NOT NULL"), "t");
}

#[test]
fn full_lock_table_ends_only_the_large_transaction() {
    let shared = cluster(newest());
    let archive = Archive::of(
        shared,
        "SELECT format('CREATE TABLE t%s (id int)', n) FROM generate_series(1, 1500) n \\gexec",
    );
    let few = [("max_locks_per_transaction", "10"), ("max_connections", "20")];
    let server = Cluster::start(newest(), &few);
    let target = server.fresh_db("locks");
    let restored = restore(&archive.path(), &target, &["--single-transaction"]).expect(1);
    assert!(restored.failed()[0].ends_with(": 53200"), "{}", restored.finished);
    let tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 't%' \
                  AND relnamespace = 'public'::regnamespace";
    assert_eq!(target.query(tables), "0");
    restore(&archive.path(), &target, &["-j", "2"]).expect(0);
    assert_eq!(target.query(tables), "1500");
}
