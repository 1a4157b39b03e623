//! Orphaned rows: the key stays, `NOT VALID`, and the rows are shown.

use crate::common::{Archive, Cluster, Database, Restored, for_each_version, restore};

/// A large table (whose key is created in steps) and a small one, each with orphaned
/// rows, of types that differ from those of the referenced columns.
const ORPHANS: &str = "
    CREATE TABLE parent (id int PRIMARY KEY, a int, b text, UNIQUE (a, b));
    INSERT INTO parent SELECT i, i, 'b' || i FROM generate_series(1, 100) i;
    CREATE TABLE large (id bigint, note text);
    INSERT INTO large SELECT i % 107 + 1, repeat('x', 50) FROM generate_series(1, 8560) i;
    CREATE TABLE small (a int, b text);
    INSERT INTO small VALUES (1, 'b1'), (1, 'b2'), (NULL, 'b3'), (2, repeat('long', 50)), (NULL, NULL);
    SET session_replication_role = replica;
    ALTER TABLE large ADD CONSTRAINT large_key FOREIGN KEY (id) REFERENCES parent NOT VALID;
    ALTER TABLE small ADD CONSTRAINT small_key FOREIGN KEY (a, b) REFERENCES parent (a, b)
        MATCH FULL NOT VALID;
    COMMENT ON CONSTRAINT large_key ON large IS 'a key';
    UPDATE pg_constraint SET convalidated = true WHERE conname IN ('large_key', 'small_key');";

fn archive(cluster: &Cluster) -> Archive {
    Archive::with(cluster, ORPHANS, &["--format=custom", "--compress=0"])
}

fn keys(database: &Database<'_>) -> String {
    database.query(
        "SELECT string_agg(conname || ' ' || convalidated, ', ' ORDER BY conname)
         FROM pg_constraint WHERE contype = 'f'",
    )
}

fn detail(restored: &Restored, key: &str) -> String {
    let failures = restored.summary["failures"].as_array().unwrap();
    let failure = failures.iter().find(|f| f["name"].as_str().unwrap().ends_with(key)).unwrap();
    assert!(failure["message"].as_str().unwrap().ends_with("NOT VALID"), "{failure}");
    failure["detail"].as_str().unwrap().to_owned()
}

#[test]
fn key_with_orphans_stays_unchecked_and_shows_some() {
    for_each_version(|cluster| {
        let archive = archive(cluster);
        for jobs in ["1", "3"] {
            let target = cluster.fresh_db("orphans");
            let restored = restore(&archive.path(), &target, &["-j", jobs]).expect(1);
            let mut failed = restored.failed();
            failed.sort();
            assert_eq!(
                failed,
                ["FK CONSTRAINT large large_key: 23503", "FK CONSTRAINT small small_key: 23503"]
            );
            assert_eq!(restored.summary["errors"], 2, "{}", restored.finished);
            assert_eq!(keys(&target), "large_key false, small_key false");
            // The key exists, and so does its comment.
            let comment = "SELECT count(*) FROM pg_description WHERE description = 'a key'";
            assert_eq!(target.query(comment), "1");
            let large = detail(&restored, "large_key");
            assert!(
                large.contains(
                    "ORPHANS: 560 rows with the keys (101), (102), (103), (104), (105) and 2 more"
                ),
                "{large}"
            );
            let small = detail(&restored, "small_key");
            assert!(
                small.contains("ORPHANS: 3 rows with the keys (1, b2), (2, longlong"),
                "{small}"
            );
            assert!(small.contains("(null, b3)"), "{small}");
            assert!(!small.contains(&"long".repeat(16)), "values are truncated: {small}");
            let told = restored.stderr();
            assert!(told.contains("\nforeign keys with orphaned rows\n"), "{told}");
        }
    });
}

#[test]
fn orphans_can_be_tolerated() {
    for_each_version(|cluster| {
        let archive = archive(cluster);
        for jobs in ["1", "3"] {
            let target = cluster.fresh_db("orphans");
            let options = ["-j", jobs, "--tolerate", "23503"];
            let restored = restore(&archive.path(), &target, &options).expect(0);
            assert_eq!(restored.total("tolerated"), 2, "{}", restored.finished);
            assert_eq!(keys(&target), "large_key false, small_key false");
        }
    });
}

#[test]
fn single_transaction_ends_with_the_first_orphan() {
    for_each_version(|cluster| {
        let target = cluster.fresh_db("orphans");
        let restored = restore(&archive(cluster).path(), &target, &["-1"]).expect(1);
        assert_eq!(restored.failed().len(), 1, "{}", restored.finished);
        assert_eq!(keys(&target), "");
    });
}

#[test]
fn orphans_are_no_error_for_unchecked_keys() {
    for_each_version(|cluster| {
        let target = cluster.fresh_db("orphans");
        let options = ["-j", "3", "--foreign-keys", "not-valid"];
        restore(&archive(cluster).path(), &target, &options).expect(0);
        assert_eq!(keys(&target), "large_key false, small_key false");
    });
}
