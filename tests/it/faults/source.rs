//! The database that most tests dump.

/// Three tables; the middle one stops at its row 5000 while the gate
/// [`ROW`](crate::common::gate::ROW) is closed.
pub const PAUSED: &str = "
    CREATE TABLE a_before (id int PRIMARY KEY, t text);
    CREATE TABLE big (id int PRIMARY KEY, t text, CONSTRAINT pause CHECK
        (id <> 5000 OR pg_catalog.pg_advisory_xact_lock_shared(77)::text = ''));
    CREATE TABLE z_after (id int PRIMARY KEY, big int REFERENCES big, t text);
    INSERT INTO a_before SELECT i, repeat('a', 50) FROM generate_series(1, 500) i;
    INSERT INTO big SELECT i, repeat('b', 200) FROM generate_series(1, 20000) i;
    INSERT INTO z_after SELECT i, i, repeat('z', 50) FROM generate_series(1, 500) i;
";
