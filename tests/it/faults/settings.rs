//! Settings that would break a restore, and settings that a server does not support.

use crate::common::versions::newest;
use crate::common::{
    Archive, Cluster, assert_same_database, cluster, fresh_name, restore, restore_to, versions,
};

#[test]
fn time_limits_of_the_role_are_overridden() {
    let cluster = cluster(newest());
    let archive = Archive::of(
        cluster,
        "CREATE TABLE slow (id int CHECK
             (current_database() NOT LIKE 'limits%' OR pg_sleep(0.5)::text = ''));
         INSERT INTO slow VALUES (1), (2), (3);",
    );
    let target = cluster.fresh_db("limits");
    let user = fresh_name("hasty");
    target.execute(&format!("CREATE ROLE {user} LOGIN SUPERUSER;"));
    // Long enough for a session to start on a slow machine, and shorter than the rows take.
    let mut limits =
        vec!["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
    if cluster.major >= 17 {
        limits.push("transaction_timeout");
    }
    for limit in limits {
        target.execute(&format!("ALTER ROLE {user} SET {limit} = '1s';"));
    }
    let url = target.url().replace("user=postgres", &format!("user={user}"));
    restore_to(&archive.path(), &url, &["-j", "2", "--no-owner"]).expect(0);
    assert_eq!(target.rows("slow"), 3);
    target.execute(&format!("REASSIGN OWNED BY {user} TO postgres; DROP ROLE {user};"));
}

/// Every archive of the every-object database written by another version, restored into this one
/// by both programs. Errors may differ only in their wording.
fn across(from: &Cluster, to: &Cluster) {
    let source = from.fresh_db("source");
    source.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE SEQUENCE s START 7;
         CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood DEFAULT 'ok',
             n int NOT NULL DEFAULT nextval('s'), CHECK (n > 0));
         CREATE TABLE part (id int, at date) PARTITION BY RANGE (at);
         CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
         CREATE VIEW v AS SELECT m, count(*) FROM t GROUP BY m;
         CREATE MATERIALIZED VIEW mv AS SELECT * FROM v;
         INSERT INTO t (m) VALUES ('sad'), ('ok'); INSERT INTO part VALUES (1, '2020-05-05');
         REFRESH MATERIALIZED VIEW mv; SELECT lo_from_bytea(4711, 'abc');
         COMMENT ON TABLE t IS 'a table'; CREATE PUBLICATION p FOR TABLE t;",
    );
    let archive = Archive::dump(&source, &["--format=custom"]);
    let (expected, actual) = (to.fresh_db("expected"), to.fresh_db("actual"));
    // An older pg_restore does not read a newer archive: the newer one serves as oracle.
    let newer = if from.major > to.major { from } else { to };
    let theirs = crate::common::Tool::new(newer.server().bin_dir().join("pg_restore"))
        .args(["--dbname", &expected.url()])
        .arg(archive.path())
        .run();
    let ours = restore(&archive.path(), &actual, &["-j", "2"]).expect(0);
    // pg_restore 17 and later sets transaction_timeout, which is one error on older servers.
    let unknown = newer.major >= 17 && to.major < 17;
    assert_eq!(theirs.success(), !unknown, "{} to {}: {theirs}", from.major, to.major);
    assert_eq!(ours.failed(), [""; 0]);
    assert_same_database(&actual, &expected);
}

#[test]
fn archive_of_another_version_restores_without_error() {
    let all = versions();
    for (from, to) in [(15, 18), (16, 17), (18, 15), (17, 16), (18, 16)] {
        if all.contains(&from) && all.contains(&to) {
            across(cluster(from), cluster(to));
        }
    }
}
