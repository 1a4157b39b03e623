//! The tables that the tests split.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::common::{Cluster, Database};

/// One table of 12 MB, the rows in the order of `id`. In a database whose name begins with
///
/// - `slow`, every hundredth row takes its time, so that sessions have time to meet;
/// - `refuse`, this too, and row 25000 is refused;
/// - `pause`, this too, and row 25000 takes as many seconds as the name says behind `pause`; its
///   session calls itself `paused` then.
pub const BIG: &str = "
    CREATE FUNCTION held_up(id int) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            IF current_database() !~ '^(slow|refuse|pause)' THEN
                RETURN true;
            END IF;
            IF id % 100 = 0 THEN
                PERFORM pg_sleep(0.003);
            END IF;
            IF id = 25000 AND current_database() LIKE 'pause%' THEN
                PERFORM set_config('application_name', 'paused', true);
                PERFORM pg_sleep(substring(current_database() from 'pause(\\d+)')::int);
            END IF;
            RETURN id <> 25000 OR current_database() NOT LIKE 'refuse%';
        END $$;
    CREATE TABLE big (
        id int PRIMARY KEY, at timestamptz, amount numeric, words text, tags text[],
        CONSTRAINT held_up CHECK (public.held_up(id)));
    INSERT INTO big SELECT i, '2026-01-01'::timestamptz + i * interval '1 second', i / 7.0,
        CASE WHEN i % 11 > 0 THEN E'a\\tb\\\\c\\nd ' || md5(i::text) || md5((i + 1)::text) END,
        ARRAY[md5((i + 2)::text), md5((i + 3)::text), NULL]
        FROM generate_series(1, 50000) i;
    CREATE TABLE small (id int PRIMARY KEY, big int REFERENCES big);
    INSERT INTO small SELECT i, i FROM generate_series(1, 10) i;
";

/// Rows of it.
pub const ROWS: &str = "50000";

/// The options that split such a table.
pub const SPLIT: [&str; 2] = ["--split-size", "64kB"];

/// An archive in a folder that goes with it.
pub struct Archive {
    folder: TempDir,
}

impl Archive {
    /// Dumps a database.
    pub fn of(database: &Database<'_>, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = Self { folder };
        database.pg_dump(args).arg("--file").arg(archive.path()).succeed();
        archive
    }

    /// Makes a database with these statements and dumps it.
    pub fn with(cluster: &Cluster, sql: &str, args: &[&str]) -> Self {
        let database = cluster.fresh_db("source");
        database.execute(sql);
        Self::of(&database, args)
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// How many transactions have written the table's rows.
pub fn sessions(database: &Database<'_>, table: &str) -> usize {
    let query = format!("SELECT count(DISTINCT xmin::text) FROM {table}");
    database.query(&query).parse().unwrap()
}

/// The number of its rows.
pub fn rows(database: &Database<'_>, table: &str) -> String {
    database.query(&format!("SELECT count(*) FROM {table}"))
}
