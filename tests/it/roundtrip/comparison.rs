//! The comparison of databases finds what pg_dump hides: a harness that does not would pass
//! every test.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::compare::assert_same_dump;
use crate::common::{Cluster, assert_same_database, cluster, dump, versions};

const SCHEMA: &str = "
    CREATE TABLE parts (id int NOT NULL, n int) PARTITION BY LIST (id);
    CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1) PARTITION BY LIST (n);
    CREATE TABLE part_1_1 PARTITION OF part_1 FOR VALUES IN (1);
    CREATE INDEX top ON ONLY parts (n);
    CREATE INDEX middle ON ONLY part_1 (n);
    CREATE INDEX bottom ON part_1_1 (n);
    ALTER INDEX top ATTACH PARTITION middle;
    ALTER INDEX middle ATTACH PARTITION bottom;
    CREATE TABLE child (id int PRIMARY KEY, n int CHECK (n > 0),
        twice int GENERATED ALWAYS AS (n * 2) STORED);
    ALTER TABLE child ADD CONSTRAINT self FOREIGN KEY (n) REFERENCES child;
    CREATE DOMAIN positive AS int CONSTRAINT is_positive CHECK (VALUE > 0);
    INSERT INTO child VALUES (1, 1), (2, 1);
    CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM child;
    ANALYZE child;";

/// Fails unless a change is found, however the databases are compared.
#[track_caller]
fn assert_found(cluster: &Cluster, change: &str, by_dump: bool) {
    let (expected, actual) = (cluster.fresh_db("same"), cluster.fresh_db("same"));
    expected.execute(SCHEMA);
    actual.execute(SCHEMA);
    assert_same_database(&actual, &expected);
    actual.execute(&format!("SET allow_system_table_mods = on; {change}"));
    let found = |compare: &dyn Fn()| catch_unwind(AssertUnwindSafe(compare)).is_err();
    assert!(found(&|| assert_same_database(&actual, &expected)), "not found: {change}");
    let expected = dump(&expected);
    assert_eq!(found(&|| assert_same_dump(&actual, &expected)), by_dump, "{change}");
}

#[test]
fn invalid_or_detached_index_is_found() {
    let cluster = cluster(versions::newest());
    for column in ["indisvalid", "indisready", "indislive"] {
        for index in ["top", "middle"] {
            let change = format!(
                "UPDATE pg_index SET {column} = false WHERE indexrelid = '{index}'::regclass"
            );
            assert_found(cluster, &change, true);
        }
    }
    let detached = "DELETE FROM pg_inherits WHERE inhrelid = 'bottom'::regclass";
    assert_found(cluster, detached, true);
}

#[test]
fn constraint_not_validated_is_found() {
    let cluster = cluster(versions::newest());
    for name in ["self", "child_n_check", "is_positive"] {
        let change =
            format!("UPDATE pg_constraint SET convalidated = false WHERE conname = '{name}'");
        assert_found(cluster, &change, true);
    }
    if cluster.major >= 18 {
        let change = "UPDATE pg_constraint SET conenforced = false WHERE conname = 'self'";
        assert_found(cluster, change, true);
    }
}

#[test]
fn unpopulated_view_and_other_generated_values_are_found() {
    let cluster = cluster(versions::newest());
    assert_found(cluster, "REFRESH MATERIALIZED VIEW seen WITH NO DATA", true);
    // As if the expression had been evaluated with another function.
    let other = "CREATE TABLE other (id int, n int, twice int); INSERT INTO other VALUES (1, 1, 3), (2, 1, 2);
        DO $$ DECLARE file oid = pg_relation_filenode('child'); BEGIN
            UPDATE pg_class SET relfilenode = (SELECT relfilenode FROM pg_class WHERE relname = 'other')
                WHERE relname = 'child';
            UPDATE pg_class SET relfilenode = file WHERE relname = 'other';
        END $$; DROP TABLE other;";
    assert_found(cluster, other, true);
}

#[test]
fn missing_or_other_statistics_are_found() {
    let cluster = cluster(versions::newest());
    if cluster.major >= 18 {
        // Only archives contain statistics; a plain pg_dump script does not.
        assert_found(cluster, "DELETE FROM pg_statistic WHERE starelid = 'child'::regclass", false);
        assert_found(cluster, "UPDATE pg_class SET reltuples = 0 WHERE relname = 'child'", false);
    }
}
