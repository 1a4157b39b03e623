//! The databases that the tests dump, and what must hold for a restored one.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::common::{Cluster, Database, Restored, assert_same_database, nocturne, restore};

/// Tables of which the big one's row 25000 waits at the gate while it is closed; objects of the
/// kinds that are restored in different ways.
pub const SOURCE: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE SEQUENCE numbers START 42;
    CREATE TABLE a_first (id int PRIMARY KEY DEFAULT nextval('numbers'), t text, m mood);
    CREATE UNLOGGED TABLE b_unlogged (id int PRIMARY KEY, t text);
    CREATE TABLE big (id int PRIMARY KEY, a int, t text,
        CONSTRAINT gate CHECK (id <> 25000 OR pg_catalog.pg_advisory_xact_lock_shared(77)::text = ''));
    CREATE TABLE z_last (id int PRIMARY KEY, big int, t text UNIQUE);
    CREATE TABLE audit (what text);
    INSERT INTO a_first SELECT i, repeat('a', 50), 'happy' FROM generate_series(1, 500) i;
    INSERT INTO b_unlogged SELECT i, repeat('b', 50) FROM generate_series(1, 500) i;
    INSERT INTO big SELECT i, i % 7, repeat(md5(i::text), 4) FROM generate_series(1, 50000) i;
    INSERT INTO z_last SELECT i, i, 'z' || i FROM generate_series(1, 500) i;
    CREATE INDEX big_t ON big (a, t);
    CREATE INDEX big_a ON big (a);
    ALTER TABLE z_last ADD CONSTRAINT z_last_big FOREIGN KEY (big) REFERENCES big;
    CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.audit VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
    CREATE TRIGGER told AFTER INSERT ON big FOR EACH STATEMENT EXECUTE FUNCTION told();
    CREATE TRIGGER told AFTER INSERT ON z_last FOR EACH STATEMENT EXECUTE FUNCTION told();
    CREATE MATERIALIZED VIEW many AS SELECT count(*) FROM big;
    CREATE VIEW a_few AS SELECT id FROM z_last;
    COMMENT ON TABLE big IS 'much';
    GRANT SELECT ON z_last TO PUBLIC;
    SELECT lo_from_bytea(4242, convert_to(repeat('object', 1000), 'UTF8'));
";

/// An archive, its source database, and a folder for it.
pub struct Source<'a> {
    pub database: Database<'a>,
    folder: TempDir,
}

impl<'a> Source<'a> {
    /// Creates a database with these statements, and dumps it.
    pub fn of(cluster: &'a Cluster, sql: &str, args: &[&str]) -> Self {
        let database = cluster.fresh_db("source");
        database.execute(sql);
        let folder = tempfile::tempdir().unwrap();
        let source = Self { database, folder };
        source.dump(args, &source.path());
        source
    }

    pub fn dump(&self, args: &[&str], path: &Path) {
        self.database.pg_dump(args).arg("--file").arg(path).succeed();
    }

    /// The ID of the entry that the listing has under these words.
    pub fn dump_id(&self, words: &str) -> String {
        let list = nocturne().arg("list").arg(self.path()).succeed().stdout();
        let line = list.lines().find(|line| line.contains(words)).unwrap();
        line.split(';').next().unwrap().to_owned()
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    pub fn other_path(&self) -> PathBuf {
        self.folder.path().join("other")
    }
}

/// What another run leaves unchanged of a finished table: where its rows are, and which
/// transactions have written them.
pub fn trace(database: &Database<'_>, table: &str) -> String {
    database.query(&format!(
        "SELECT (SELECT relfilenode FROM pg_class WHERE oid = '{table}'::regclass), \
         min(xmin::text), max(xmin::text), count(*) FROM {table}"
    ))
}

/// Resumes a restore until its end; the result is that of an undisturbed one.
pub fn resume(source: &Source<'_>, target: &Database<'_>, args: &[&str]) -> Restored {
    let args = [args, &["--resume"]].concat();
    let restored = restore(&source.path(), target, &args).expect(0);
    assert_whole(source, target);
    restored
}

/// Fails the test unless a database equals the dumped one and contains nothing unfinished.
pub fn assert_whole(source: &Source<'_>, target: &Database<'_>) {
    assert_same_database(target, &source.database);
    let odd = target.query(
        "SELECT count(*) FILTER (WHERE NOT indisvalid) FROM pg_index \
         UNION ALL SELECT count(*) FROM pg_constraint WHERE NOT convalidated \
         UNION ALL SELECT count(*) FROM pg_namespace WHERE nspname = 'nocturne'",
    );
    assert_eq!(odd, "0\n0\n0", "an invalid index, a key NOT VALID, a journal");
}
