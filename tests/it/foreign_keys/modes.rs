//! `--foreign-keys`, in a restore and in a script.

use std::fs;

use crate::common::{
    Archive, Cluster, Database, assert_same_database, cluster, for_each_version, nocturne, restore,
    versions,
};

/// Keys of every kind. One of them is on a table large enough to be created in steps.
const KEYS: &str = "
    CREATE TABLE parent (id int PRIMARY KEY, a int, b text, UNIQUE (a, b));
    CREATE TABLE \"the Child\" (id bigint, a int, b text, note text,
        CONSTRAINT by_id FOREIGN KEY (id) REFERENCES parent ON DELETE CASCADE,
        CONSTRAINT \"by, \"\"both\"\"\" FOREIGN KEY (a, b) REFERENCES parent (a, b) MATCH FULL
            DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE small (id int CONSTRAINT small_fkey REFERENCES parent,
        own int CONSTRAINT unchecked REFERENCES parent);
    ALTER TABLE small DROP CONSTRAINT unchecked;
    ALTER TABLE small ADD CONSTRAINT unchecked FOREIGN KEY (own) REFERENCES parent NOT VALID;
    COMMENT ON CONSTRAINT by_id ON \"the Child\" IS 'a key';
    COMMENT ON TABLE small IS 'a table';
    INSERT INTO parent SELECT i, i, 'b' || i FROM generate_series(1, 100) i;
    INSERT INTO \"the Child\" SELECT i % 100 + 1, i % 100 + 1, 'b' || i % 100 + 1, repeat('c', 50)
        FROM generate_series(1, 8000) i;
    INSERT INTO small VALUES (1, 1), (2, NULL);";

/// A key of a partitioned table, which before PostgreSQL 18 cannot be `NOT VALID`.
const PARTITIONED: &str = "
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE parts (id int REFERENCES parent) PARTITION BY RANGE (id);
    CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
    INSERT INTO parent VALUES (1), (2); INSERT INTO parts VALUES (1), (2);";

fn archive(cluster: &Cluster, sql: &str) -> Archive {
    Archive::with(cluster, sql, &["--format=custom", "--compress=0"])
}

/// The names of the existing keys, and whether they are valid.
fn keys(database: &Database<'_>) -> String {
    database.query(
        "SELECT string_agg(conname || ' ' || convalidated, ', ' ORDER BY conname)
         FROM pg_constraint WHERE contype = 'f' AND conparentid = 0",
    )
}

/// pg_restore with a list that lacks the lines with one of these words.
fn by_pg_restore<'a>(cluster: &'a Cluster, archive: &Archive, without: &[&str]) -> Database<'a> {
    let listing = cluster.tool("pg_restore").arg("-l").arg(archive.path()).succeed().stdout();
    let kept = listing.lines().filter(|line| !without.iter().any(|word| line.contains(word)));
    let list = archive.folder().join("keys.list");
    fs::write(&list, kept.collect::<Vec<_>>().join("\n")).unwrap();
    let database = cluster.fresh_db("keys_expected");
    let list = list.to_string_lossy();
    assert!(database.pg_restore(&archive.path(), &["-L", &list]).success());
    database
}

#[test]
fn keys_are_checked_by_default() {
    for_each_version(|cluster| {
        let archive = archive(cluster, KEYS);
        let expected = by_pg_restore(cluster, &archive, &[]);
        for jobs in ["1", "3"] {
            for options in [&["-j", jobs][..], &["-j", jobs, "--foreign-keys", "validated"]] {
                let target = cluster.fresh_db("keys");
                let restored = restore(&archive.path(), &target, options).expect(0);
                assert_same_database(&target, &expected);
                assert_eq!(restored.summary["not_checked"], 0);
            }
        }
    });
}

#[test]
fn excluded_keys_are_skipped_with_their_comments() {
    for_each_version(|cluster| {
        let archive = archive(cluster, KEYS);
        let expected = by_pg_restore(cluster, &archive, &["FK CONSTRAINT", "CONSTRAINT by_id"]);
        for jobs in ["1", "3"] {
            let target = cluster.fresh_db("keys");
            let options = ["-j", jobs, "--foreign-keys", "none"];
            let restored = restore(&archive.path(), &target, &options).expect(0);
            assert_same_database(&target, &expected);
            assert_eq!(restored.total("skipped"), 5, "{}", restored.finished);
            assert_eq!(
                restored.summary["skipped"][0]["reason"],
                "foreign keys not restored, as requested"
            );
        }
        // Again, over the existing objects: the old keys must be dropped before their tables are.
        let target = cluster.fresh_db("keys");
        restore(&archive.path(), &target, &[]).expect(0);
        let options = ["--clean", "-j", "2", "--foreign-keys", "none"];
        restore(&archive.path(), &target, &options).expect(0);
        assert_same_database(&target, &expected);
    });
}

#[test]
fn unchecked_keys_exist_and_are_counted() {
    for_each_version(|cluster| {
        let archive = archive(cluster, KEYS);
        let expected = by_pg_restore(cluster, &archive, &[]);
        for options in [&["-j", "1"][..], &["-j", "3"], &["-1"], &["--transaction-size", "2"]] {
            let target = cluster.fresh_db("keys");
            let options = [options, &["--foreign-keys", "not-valid"]].concat();
            let restored = restore(&archive.path(), &target, &options).expect(0);
            assert_eq!(
                keys(&target),
                "by, \"both\" false, by_id false, small_fkey false, unchecked false"
            );
            // One of the four is the archive's own.
            assert_eq!(restored.summary["not_checked"], 3);
            let told = restored.stderr();
            assert!(told.contains("3 foreign keys are NOT VALID, as requested"), "{told}");
            target.execute(
                "ALTER TABLE \"the Child\" VALIDATE CONSTRAINT by_id;
                 ALTER TABLE \"the Child\" VALIDATE CONSTRAINT \"by, \"\"both\"\"\";
                 ALTER TABLE small VALIDATE CONSTRAINT small_fkey;",
            );
            assert_same_database(&target, &expected);
        }
    });
}

#[test]
fn partitioned_key_is_checked_where_server_requires_it() {
    for_each_version(|cluster| {
        let archive = archive(cluster, PARTITIONED);
        let can = cluster.major >= 18;
        for options in [&["-j", "1"][..], &["-j", "3"], &["-1"]] {
            let target = cluster.fresh_db("keys");
            let options = [options, &["--foreign-keys", "not-valid"]].concat();
            let restored = restore(&archive.path(), &target, &options).expect(0);
            assert_eq!(keys(&target), format!("parts_id_fkey {}", !can));
            assert_eq!(restored.summary["not_checked"], u64::from(can));
            let told = restored.summary["warnings"].to_string();
            assert_eq!(
                told.contains("parts_id_fkey is validated, not added NOT VALID"),
                !can,
                "{told}"
            );
        }
        let target = cluster.fresh_db("keys");
        restore(&archive.path(), &target, &["-j", "3"]).expect(0);
        assert_same_database(&target, &by_pg_restore(cluster, &archive, &[]));
    });
}

#[test]
fn period_key_is_checked_and_reported() {
    let cluster = cluster(versions::newest());
    if cluster.major < 18 {
        return;
    }
    let archive = archive(
        cluster,
        "CREATE TABLE parent (id int4range, at int4range, PRIMARY KEY (id, at WITHOUT OVERLAPS));
         CREATE TABLE child (id int4range, at int4range,
             CONSTRAINT by_time FOREIGN KEY (id, PERIOD at) REFERENCES parent (id, PERIOD at),
             CONSTRAINT unforced FOREIGN KEY (id, PERIOD at)
                 REFERENCES parent (id, PERIOD at) NOT ENFORCED);
         INSERT INTO parent VALUES ('[1,2)', '[1,9)'); INSERT INTO child VALUES ('[1,2)', '[2,3)');",
    );
    let target = cluster.fresh_db("keys");
    let options = ["-j", "2", "--foreign-keys", "not-valid"];
    let restored = restore(&archive.path(), &target, &options).expect(0);
    assert_eq!(keys(&target), "by_time true, unforced false");
    let told = restored.summary["warnings"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{}", restored.finished);
    assert!(
        told[0].as_str().unwrap().contains("by_time is validated, not added NOT VALID"),
        "{told:?}"
    );
}

#[test]
fn script_follows_the_requested_key_mode() {
    for_each_version(|cluster| {
        let keys_of = |sql: &str, how: &str| {
            let archive = archive(cluster, sql);
            let script = archive.folder().join("script.sql");
            let tool = nocturne().args(["restore", "--foreign-keys", how, "-f"]).arg(&script);
            let written = tool.arg(archive.path()).succeed();
            let target = cluster.fresh_db("keys_script");
            target.psql().arg("--file").arg(&script).succeed();
            (keys(&target), written.stderr())
        };
        let (none, _) = keys_of(KEYS, "none");
        assert_eq!(none, "");
        let (not_valid, told) = keys_of(KEYS, "not-valid");
        assert_eq!(not_valid, "by, \"both\" false, by_id false, small_fkey false, unchecked false");
        assert_eq!(told, "");
        // The script cannot know its server.
        let (partitioned, told) = keys_of(PARTITIONED, "not-valid");
        assert_eq!(partitioned, "parts_id_fkey true");
        assert!(told.contains("parts_id_fkey is validated, not added NOT VALID"), "{told}");
    });
}
