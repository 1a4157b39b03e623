//! Foreign keys and deferrable constraints do not act while rows are patched, and hold afterwards.

use super::nights::{Nights, sync_to};
use crate::common::versions::newest;
use crate::common::{Owned, cluster, for_each_version};

const SOURCE: &str = "
    CREATE TABLE parent (id int PRIMARY KEY, word text);
    CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
    INSERT INTO parent SELECT n, 'word ' || n FROM generate_series(1, 3000) n;
    INSERT INTO child SELECT n, n FROM generate_series(1, 3000) n;";

#[test]
fn cascading_key_takes_no_rows_along() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, SOURCE);
        let synced = nights.night("UPDATE parent SET word = 'new' WHERE id % 100 = 0");
        assert_eq!(synced.changes(), ["parent patched 30 30"]);
        let synced = nights.night("DELETE FROM parent WHERE id % 1000 = 0");
        assert_eq!(synced.changes(), ["child patched 0 3", "parent patched 0 3"]);
    });
}

#[test]
fn role_that_cannot_switch_keys_off_restores_everything() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("source");
    source.execute(SOURCE);
    source.execute(
        "CREATE TABLE alone (id int PRIMARY KEY, word text); \
                    INSERT INTO alone SELECT n, 'x' FROM generate_series(1, 2000) n",
    );
    let owned = Owned::new(cluster, "synced");
    let nights = Nights { source, target: owned.database };
    let url = nights.target.url().replace("user=postgres", &format!("user={}", owned.role));
    let sync = || sync_to(&nights.dump().path(), &url, &["--no-owner"]).expect(0);
    sync();
    nights.source.execute("UPDATE alone SET word = 'y' WHERE id = 7");
    assert_eq!(sync().changes(), ["alone patched 1 1"]);
    nights.source.execute("UPDATE parent SET word = 'new' WHERE id = 7");
    let reasons = sync().reasons();
    assert!(reasons.contains("public.parent: foreign keys are involved"), "{reasons}");
    let sums = "SELECT md5(string_agg(p::text, ' ' ORDER BY id)) FROM parent p";
    assert_eq!(nights.target.query(sums), nights.source.query(sums));
}

/// A key that someone added in the target: the archive knows nothing of it.
#[test]
fn foreign_key_of_others_is_not_broken() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    nights.target.execute(
        "CREATE SCHEMA own; CREATE TABLE own.note (parent int REFERENCES public.parent); \
         INSERT INTO own.note VALUES (7)",
    );
    nights.source.execute("UPDATE parent SET word = 'new' WHERE id = 7");
    nights.sync(&[]).expect(0);
    nights.source.execute("DELETE FROM parent WHERE id = 7");
    let failed = nights.sync(&[]).expect(1);
    let said = failed.stderr();
    assert!(said.contains("1 row would violate foreign key note_parent_fkey"), "{said}");
    assert_eq!(nights.target.query("SELECT word FROM parent WHERE id = 7"), "new");
}

/// In replica mode, the server checks no deferrable constraint.
#[test]
fn deferrable_unique_constraint_is_checked() {
    let nights = Nights::new(
        cluster(newest()),
        "CREATE TABLE ranked (id int PRIMARY KEY, rank int UNIQUE DEFERRABLE INITIALLY DEFERRED); \
         INSERT INTO ranked SELECT n, n FROM generate_series(1, 2000) n",
    );
    let swap = "UPDATE ranked SET rank = CASE rank WHEN 5 THEN 6 ELSE 5 END WHERE rank IN (5, 6)";
    assert_eq!(nights.night(swap).changes(), ["ranked patched 2 2"]);
}
