//! Foreign keys on real servers: in the requested mode, whatever the order of references between
//! tables, and with orphaned rows.

mod modes;
mod orphans;

use crate::common::{Archive, assert_same_database, for_each_version, restore};

/// Tables that refer to each other in a ring, and to themselves, with enough rows that their keys
/// are created in steps.
const RING: &str = "
    CREATE TABLE a (id int PRIMARY KEY, other int, own int, note text);
    CREATE TABLE b (id int PRIMARY KEY, other int, own int, note text);
    CREATE TABLE c (id int PRIMARY KEY, other int, own int, note text);
    INSERT INTO a SELECT i, i, i, repeat('a', 30) FROM generate_series(1, 8000) i;
    INSERT INTO b SELECT i, i, i, repeat('b', 30) FROM generate_series(1, 8000) i;
    INSERT INTO c SELECT i, i, i, repeat('c', 30) FROM generate_series(1, 8000) i;
    ALTER TABLE a ADD FOREIGN KEY (other) REFERENCES b, ADD FOREIGN KEY (own) REFERENCES a;
    ALTER TABLE b ADD FOREIGN KEY (other) REFERENCES a, ADD FOREIGN KEY (own) REFERENCES b;
    ALTER TABLE c ADD FOREIGN KEY (other) REFERENCES a, ADD FOREIGN KEY (own) REFERENCES b;
    ALTER TABLE a ADD FOREIGN KEY (id) REFERENCES c;
    CREATE INDEX ON a (other); CREATE INDEX ON b (own);";

#[test]
fn mutually_referencing_tables_never_deadlock() {
    for_each_version(|cluster| {
        let archive = Archive::with(cluster, RING, &["--format=custom", "--compress=0"]);
        let expected = cluster.fresh_db("ring_expected");
        expected.execute(RING);
        for _ in 0..5 {
            let target = cluster.fresh_db("ring");
            // A session that waits for another checks for a deadlock at once.
            let sql = format!("ALTER DATABASE \"{}\" SET deadlock_timeout = '1ms'", target.name);
            target.execute(&sql);
            restore(&archive.path(), &target, &["-j", "4"]).expect(0);
            assert_same_database(&target, &expected);
            let deadlocks =
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
            assert_eq!(target.query(deadlocks), "0");
        }
    });
}
