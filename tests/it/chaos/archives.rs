//! The database that is restored, and its archives.

use std::path::PathBuf;

use tempfile::TempDir;

use super::server::ROLE;
use crate::common::compare::dump_with;
use crate::common::{Cluster, dump};

/// Objects that are restored in different ways: large and small tables, keys in two steps,
/// partitions, rows lost in a server crash, large objects, views that are filled last.
const SOURCE: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE SEQUENCE numbers START 42;
    CREATE TABLE a_first (id int PRIMARY KEY DEFAULT nextval('numbers'), t text, m mood);
    CREATE TABLE big (id int PRIMARY KEY, a int, t text, at timestamptz, UNIQUE (a, id));
    CREATE TABLE second (id bigint PRIMARY KEY, big int REFERENCES big, t text);
    CREATE TABLE twice (a int, b text);
    CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, t text);
    CREATE TABLE parts (id int, day date NOT NULL) PARTITION BY RANGE (day);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
    CREATE TABLE z_last (id int PRIMARY KEY, big int REFERENCES big, t text UNIQUE);
    CREATE TABLE audit (what text);
    INSERT INTO a_first SELECT i, repeat('a', 50), 'happy' FROM generate_series(1, 500) i;
    INSERT INTO big SELECT i, i % 7, repeat(md5(i::text), 4), '2026-01-01 00:00+00'::timestamptz
        + i * interval '1 minute' FROM generate_series(1, 60000) i;
    INSERT INTO second SELECT i, 1 + i % 60000, md5(i::text) FROM generate_series(1, 40000) i;
    INSERT INTO twice SELECT i % 5, 'x' FROM generate_series(1, 3000) i;
    INSERT INTO unlogged SELECT i, repeat('u', 50) FROM generate_series(1, 2000) i;
    INSERT INTO parts SELECT i, '2026-01-01'::date + i % 365 FROM generate_series(1, 4000) i;
    INSERT INTO z_last SELECT i, i, 'z' || i FROM generate_series(1, 500) i;
    CREATE INDEX big_t ON big (a, t);
    CREATE INDEX big_at ON big USING brin (at);
    CREATE INDEX second_t ON second (t);
    CREATE INDEX parts_day ON parts (day);
    CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.audit VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
    CREATE TRIGGER told AFTER INSERT ON big FOR EACH STATEMENT EXECUTE FUNCTION told();
    CREATE TRIGGER told AFTER INSERT ON z_last FOR EACH STATEMENT EXECUTE FUNCTION told();
    CREATE MATERIALIZED VIEW many AS SELECT a, count(*) FROM big GROUP BY a;
    CREATE UNIQUE INDEX many_a ON many (a);
    CREATE VIEW a_few AS SELECT id FROM z_last WHERE id < 10;
    COMMENT ON TABLE big IS 'much';
    GRANT SELECT ON z_last TO PUBLIC;
    SELECT lo_from_bytea(4242, convert_to(repeat('object', 100000), 'UTF8'));
    SELECT lo_from_bytea(4243, '');
";

/// Excludes from a dump what a server crash loses.
pub const WITHOUT_UNLOGGED: [&str; 1] = ["--exclude-table-data=public.unlogged"];

/// How an archive is written and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    Custom,
    Directory,
    Tar,
    Inserts,
    /// A custom archive through a pipe.
    Stream,
}

impl Form {
    pub const ALL: [Self; 5] =
        [Self::Custom, Self::Directory, Self::Tar, Self::Inserts, Self::Stream];
}

/// The database's expected dump, and an archive of it in every form.
pub struct Source {
    /// pg_dump's output for the database. A server crash empties its unlogged tables.
    pub dump: String,
    /// The same without those rows.
    pub dump_of_logged: String,
    folder: TempDir,
}

impl Source {
    pub fn make(cluster: &Cluster) -> Self {
        let database = super::server::owned(cluster, "chaos_source", None);
        database.execute(&format!("SET ROLE {ROLE}; {SOURCE}"));
        let source = Self {
            dump: dump(&database),
            dump_of_logged: dump_with(&database, &WITHOUT_UNLOGGED),
            folder: tempfile::tempdir().unwrap(),
        };
        for (form, args) in [
            (Form::Custom, &["--format=custom"][..]),
            (Form::Directory, &["--format=directory", "--compress=1"]),
            (Form::Tar, &["--format=tar"]),
            (Form::Inserts, &["--format=custom", "--rows-per-insert=200"]),
        ] {
            let path = source.path(form);
            database.pg_dump(args).args(["--no-sync", "--file"]).arg(path).succeed();
        }
        source
    }

    pub fn path(&self, form: Form) -> PathBuf {
        self.folder.path().join(match form {
            Form::Custom | Form::Stream => "custom",
            Form::Directory => "directory",
            Form::Tar => "tar",
            Form::Inserts => "inserts",
        })
    }
}
