//! Gates in the target: advisory locks that hold a session of a restore as long as the test
//! wants, instead of a `pg_sleep` that is either too short or too long.
//!
//! The test closes a gate in one database. Where it is open, sessions pass without noticing
//! it: the same archive is restored with and without.

use std::time::{Duration, Instant};

use super::cluster::Database;
use super::interactive::Interactive;
use super::restore::Running;
use super::waiting::PATIENCE;

/// The gate of a row: [`AT_GATE`] in a CHECK of its table.
pub const ROW: u32 = 77;

/// The gate of traps.
pub const TRAP: u32 = 78;

/// The gate that slows rows down: [`PACED`].
pub const PACE: u32 = 79;

/// An expression that is true, at the latest once the gate [`ROW`] is open.
pub const AT_GATE: &str = "pg_catalog.pg_advisory_xact_lock_shared(77)::text = ''";

/// The function `public.paced(milliseconds)`, for a CHECK: it is true, and takes this long while
/// the gate [`PACE`] is closed. Rows then arrive slowly enough for other sessions to help, and
/// the wait ends once they do.
pub const PACED: &str = "
    CREATE FUNCTION public.paced(milliseconds int) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            FOR attempt IN 1..milliseconds / 10 LOOP
                EXIT WHEN pg_catalog.pg_try_advisory_xact_lock_shared(79);
                PERFORM pg_catalog.pg_sleep(0.01);
            END LOOP;
            RETURN true;
        END $$;
";

/// How many sessions wait at a gate.
pub const WAITING: &str = "(SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
     WHERE locktype = 'advisory' AND objid IN (77, 78) AND NOT granted \
       AND datname = current_database())";

/// Whether a session waits at a gate.
pub const ONE_WAITS: &str = "EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
     WHERE locktype = 'advisory' AND objid IN (77, 78) AND NOT granted \
       AND datname = current_database())";

/// Whether a session of `pg_stat_activity` waits at a gate.
pub const AT_A_GATE: &str = "pid IN (SELECT pid FROM pg_locks \
     WHERE locktype = 'advisory' AND objid IN (77, 78) AND NOT granted)";

/// No session is left in the database except the gates' own.
pub const NO_SESSION: &str = "NOT EXISTS (SELECT FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid() \
       AND application_name <> 'gate')";

/// How many sessions have started to copy rows into a table and not ended their transaction.
pub fn copying(table: &str) -> String {
    format!(
        "(SELECT count(DISTINCT pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
         WHERE relation = to_regclass('{table}') AND mode = 'RowExclusiveLock' AND granted \
           AND datname = current_database())"
    )
}

/// A closed gate. Dropping it opens it.
pub struct Gate {
    _session: Interactive,
}

impl Gate {
    /// Closes a gate of a database.
    pub fn shut(database: &Database<'_>, number: u32) -> Self {
        let sql = format!("SELECT pg_catalog.pg_advisory_lock({number});");
        let session = Interactive::start(database, "gate", &sql);
        database.wait_until(&format!(
            "EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
             WHERE locktype = 'advisory' AND objid = {number} AND mode = 'ExclusiveLock' \
               AND granted AND datname = current_database())"
        ));
        Self { _session: session }
    }
}

/// A started restore that waits at the gate.
pub fn at_gate(mut running: Running, database: &Database<'_>) -> Running {
    assert!(stands_at_gate(&mut running, database), "the restore ended before the gate");
    running
}

/// Waits until a restore waits at the gate. False if it ended before that.
pub fn stands_at_gate(running: &mut Running, database: &Database<'_>) -> bool {
    let started = Instant::now();
    loop {
        if database.query(&format!("SELECT {ONE_WAITS}")) == "t" {
            return true;
        }
        if running.has_ended() {
            return false;
        }
        assert!(started.elapsed() < PATIENCE, "the restore neither reached the gate nor ended");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sets a trap in a database: the command with this number among those that define something
/// waits at the gate, in its transaction.
pub fn trap_command(database: &Database<'_>, number: u32) {
    database.execute(&format!(
        "CREATE SCHEMA trap;
         CREATE SEQUENCE trap.n;
         CREATE FUNCTION trap.count() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF nextval('trap.n') = {number} THEN
                     PERFORM pg_catalog.pg_advisory_xact_lock_shared({TRAP});
                 END IF;
             END $$;
         CREATE EVENT TRIGGER count ON ddl_command_end EXECUTE FUNCTION trap.count();"
    ));
}

/// Sets a trap: the first command with this tag waits at the gate, in its transaction.
pub fn trap_first(database: &Database<'_>, tag: &str) {
    trap_tag(database, tag, &format!("pg_catalog.pg_advisory_xact_lock_shared({TRAP})"), 1);
}

/// Sets a trap: the first commands with this tag are refused with an SQLSTATE.
pub fn refuse_first(database: &Database<'_>, tag: &str, times: u32, sqlstate: &str) {
    database.execute(&format!(
        "CREATE SCHEMA trap;
         CREATE FUNCTION trap.refuse() RETURNS void LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$;"
    ));
    trap_tag(database, tag, "trap.refuse()", times);
}

/// A sequence keeps its count when its transaction is rolled back.
fn trap_tag(database: &Database<'_>, tag: &str, call: &str, times: u32) {
    database.execute(&format!(
        "CREATE SCHEMA IF NOT EXISTS trap;
         CREATE SEQUENCE trap.n;
         CREATE FUNCTION trap.spring() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN IF nextval('trap.n') <= {times} THEN PERFORM {call}; END IF; END $$;
         CREATE EVENT TRIGGER spring ON ddl_command_end WHEN TAG IN ('{tag}')
             EXECUTE FUNCTION trap.spring();"
    ));
}

/// Sets a trap: the COMMIT of the transaction that writes this line of the journal waits at the
/// gate. The first definition of the restore sets it, after creating the journal, which event
/// triggers do not see.
pub fn trap_commit(database: &Database<'_>, dump_id: &str, mark: &str) {
    let row = format!("NEW.dump_id = {dump_id} AND NEW.mark = '{mark}'");
    trap_commit_of(database, "nocturne.restore_journal_line", &row);
}

/// The same for the transaction that writes such a row of any table. It is set by the first
/// definition after the table's, or by that one.
pub fn trap_commit_of(database: &Database<'_>, table: &str, row: &str) {
    database.execute(&format!(
        "CREATE SCHEMA trap;
         CREATE FUNCTION trap.wait() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared({TRAP}); RETURN NULL; END $$;
         CREATE FUNCTION trap.lay() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF to_regclass('{table}') IS NOT NULL AND NOT EXISTS (SELECT FROM pg_trigger
                         WHERE tgname = 'wait' AND tgrelid = to_regclass('{table}')) THEN
                     CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON {table}
                         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ({row})
                         EXECUTE FUNCTION trap.wait();
                 END IF;
             END $$;
         CREATE EVENT TRIGGER lay ON ddl_command_end EXECUTE FUNCTION trap.lay();"
    ));
}

/// Removes the trap and everything that belongs to it.
pub fn untrap(database: &Database<'_>) {
    database.execute("DROP SCHEMA trap CASCADE;");
}
