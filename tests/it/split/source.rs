//! The table that the tests split, and its restore by several sessions.

use std::path::Path;

use crate::common::gate::{Gate, PACE, copying};
use crate::common::{Database, Restored, Running};

/// One table of 12 MB, its rows in the order of `id`. While the gates are closed every hundredth
/// row is slow, so that sessions have time to meet, and row 10000 waits. Row 25000 is refused
/// in a database whose name begins with `refuse`.
pub const BIG: &str = "
    CREATE TABLE big (
        id int PRIMARY KEY, at timestamptz, amount numeric, words text, tags text[],
        CONSTRAINT pace CHECK (id % 100 <> 0 OR public.paced(50)),
        CONSTRAINT gate CHECK
            (id <> 10000 OR pg_catalog.pg_advisory_xact_lock_shared(77)::text = ''),
        CONSTRAINT refused CHECK (id <> 25000 OR current_database() NOT LIKE 'refuse%'));
    INSERT INTO big SELECT i, '2026-01-01'::timestamptz + i * interval '1 second', i / 7.0,
        CASE WHEN i % 11 > 0 THEN E'a\\tb\\\\c\\nd ' || md5(i::text) || md5((i + 1)::text) END,
        ARRAY[md5((i + 2)::text), md5((i + 3)::text), NULL]
        FROM generate_series(1, 50000) i;
    CREATE TABLE small (id int PRIMARY KEY, big int REFERENCES big);
    INSERT INTO small SELECT i, i FROM generate_series(1, 10) i;
";

/// Number of its rows.
pub const ROWS: u64 = 50_000;

/// The options that split such a table.
pub const SPLIT: [&str; 2] = ["--split-size", "64kB"];

/// Restores through this many sessions, all of which copy rows into the table at the same time.
pub fn together(
    archive: &Path,
    target: &Database<'_>,
    table: &str,
    sessions: usize,
    args: &[&str],
) -> Restored {
    let (running, pace) = met(archive, target, table, sessions, args);
    drop(pace);
    running.wait()
}

/// The same, at the moment when all have started. The rows are slow while the gate is kept.
pub fn met(
    archive: &Path,
    target: &Database<'_>,
    table: &str,
    sessions: usize,
    args: &[&str],
) -> (Running, Gate) {
    let pace = Gate::shut(target, PACE);
    // Through the socket: the buffers of a TCP connection would hold most of the table at once.
    let jobs = sessions.to_string();
    let args = [&["-j", &jobs, SPLIT[0], SPLIT[1]], args].concat();
    let running = Running::start(archive, &target.url(), &args);
    target.wait_until(&format!("{} = {sessions}", copying(table)));
    (running, pace)
}

/// How many transactions have written the table's rows.
pub fn sessions(database: &Database<'_>, table: &str) -> usize {
    let query = format!("SELECT count(DISTINCT xmin::text) FROM {table}");
    database.query(&query).parse().unwrap()
}
