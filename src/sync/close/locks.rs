//! Waiting for locks in the closing transaction without making others wait long.

use std::time::{Duration, Instant};

use crate::restore::event::{Event, Events};
use crate::server::sqlstate::LOCK_NOT_AVAILABLE;
use crate::server::{Result, Session};
use crate::sql::ident::oid_array;

/// How long to wait for a lock in all.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long writers may wait behind this session, which waits for other writers.
const WRITERS_WAIT: Duration = Duration::from_secs(10);

/// How long readers may wait behind this session. Less than `deadlock_timeout`, so that this session
/// yields before a reader that it waits for, and that waits for it, is chosen to fail.
const READERS_WAIT: Duration = Duration::from_millis(500);

/// The same if only autovacuum holds the lock, which makes room for a session that has waited for
/// `deadlock_timeout` (`ProcSleep` in `src/backend/storage/lmgr/proc.c`).
const READERS_WAIT_FOR_AUTOVACUUM: Duration = Duration::from_secs(3);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Who has to wait while this session waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Writers only: the lock does not conflict with reading.
    Writers,
    /// Readers, too.
    Readers,
}

/// Locks that are taken together.
pub(super) struct Lock<'a> {
    /// The statements that take them.
    pub(super) statements: &'a str,
    /// The relations, for messages.
    pub(super) what: &'a str,
    /// Their OIDs.
    pub(super) oids: &'a [u32],
}

/// The sessions that hold one of the relations.
struct Holders {
    /// In words.
    names: String,
    are_autovacuum: bool,
}

impl Lock<'_> {
    /// Takes all of them, or none and waits; again and again for some minutes. What held them is
    /// reported once.
    ///
    /// # Errors
    /// With SQLSTATE 55P03 if they are still held by others in the end; the transaction can continue
    /// then. Otherwise when a statement fails.
    pub(super) async fn take(
        &self,
        session: &Session,
        events: &Events,
        waiting: Waiting,
    ) -> Result<()> {
        let mut wait = match waiting {
            Waiting::Writers => WRITERS_WAIT,
            Waiting::Readers => READERS_WAIT,
        };
        let mut pause = match waiting {
            Waiting::Writers => Duration::ZERO,
            Waiting::Readers => Duration::from_secs(1),
        };
        let started = Instant::now();
        let mut told = String::new();
        loop {
            let limit =
                format!("SAVEPOINT nocturne_lock; SET LOCAL lock_timeout = {}", wait.as_millis());
            session.execute(&limit).await?;
            let taken = session.execute(self.statements).await;
            let Err(error) = taken else {
                let done = "SET LOCAL lock_timeout = 0; RELEASE SAVEPOINT nocturne_lock";
                return session.execute(done).await;
            };
            if error.is_connection_lost() {
                return Err(error);
            }
            let back = "ROLLBACK TO SAVEPOINT nocturne_lock; RELEASE SAVEPOINT nocturne_lock";
            session.execute(back).await?;
            if error.sqlstate() != Some(LOCK_NOT_AVAILABLE) || started.elapsed() > PATIENCE {
                return Err(error);
            }
            let holders = self.holders(session, waiting).await?;
            if holders.names != told {
                let message = format!("waiting for the lock on {}: {}", self.what, holders.names);
                events.send(Event::Warning { message });
                told = holders.names;
            }
            if waiting == Waiting::Readers {
                wait = match holders.are_autovacuum {
                    true => READERS_WAIT_FOR_AUTOVACUUM,
                    false => READERS_WAIT,
                };
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn holders(&self, session: &Session, waiting: Waiting) -> Result<Holders> {
        let harmless = match waiting {
            Waiting::Writers => "AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')",
            Waiting::Readers => "",
        };
        // A prepared transaction has no process; an autovacuum worker has no user.
        let sql = format!(
            "SELECT DISTINCT l.pid, a.usename, a.application_name \
             FROM pg_catalog.pg_locks l \
             LEFT JOIN pg_catalog.pg_stat_get_activity(l.pid) s ON true \
             LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.pid \
             WHERE l.locktype = 'relation' AND l.relation = ANY ({}) AND l.granted {harmless} \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database \
                 WHERE datname = pg_catalog.current_database()) \
               AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() ORDER BY 1",
            oid_array(self.oids)
        );
        let rows = session.query_text(&sql).await?;
        let each = rows.iter().map(|row| match &row[..] {
            [Some(pid), Some(user), Some(application)] if !application.is_empty() => {
                format!("process {pid} ({application}, role {user})")
            }
            [Some(pid), Some(user), _] => format!("process {pid} (role {user})"),
            [Some(pid), ..] => format!("process {pid} (autovacuum)"),
            _ => "a prepared transaction".to_owned(),
        });
        let names = each.collect::<Vec<_>>().join(", ");
        let is_autovacuum = |row: &Vec<Option<String>>| matches!(&row[..], [Some(_), None, _]);
        let are_autovacuum = !rows.is_empty() && rows.iter().all(is_autovacuum);
        let names = if names.is_empty() { "released meanwhile".to_owned() } else { names };
        Ok(Holders { names, are_autovacuum })
    }
}
