//! Allows one copy of a table at a time, even if the previous one has not completely ended.
//!
//! A run that was killed, or disconnected while it committed, may leave transactions in the server
//! that still write. The highest key must not be read before they end: rows they commit afterwards
//! would be copied twice. So there are two advisory locks per table (PostgreSQL documentation,
//! section "Advisory Locks"): one for the run, which a second run waits for, and one shared by all
//! its writers, which a new run also waits for.

use super::error::{IncrementalError, Side};
use super::settings::{CopySettings, IncrementalTable};
use super::snapshot::common;
use super::table_definition::refuse_others;
use crate::server::{Session, SessionSettings};

/// The first number of a run's lock, `noc` and 1; the second is the table's OID.
const RUN: i32 = 0x6e6f_6301;
/// The first number of a writer's lock.
const WRITER: i32 = 0x6e6f_6302;

/// Opens a session of the target.
pub(super) async fn connect(settings: &CopySettings) -> Result<Session, IncrementalError> {
    Session::connect(&settings.target, &SessionSettings::for_rows())
        .await
        .map_err(|source| IncrementalError::Connect { side: Side::Target, source })
}

/// Starts the transaction that holds the run's claim on a target table, given by its OID. From then
/// on, no writer of an earlier run can change what the session reads.
pub(super) async fn claim(
    session: &Session,
    settings: &CopySettings,
    table: &IncrementalTable,
    oid: u32,
) -> Result<(), IncrementalError> {
    let oid = oid.cast_signed();
    let claimed = async {
        session
            .execute(&format!(
                "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED; {}; \
                 SET LOCAL statement_timeout = 0; \
                 SET LOCAL idle_in_transaction_session_timeout = 0",
                common(settings)
            ))
            .await?;
        session.execute(&format!("SELECT pg_catalog.pg_advisory_xact_lock({RUN}, {oid})")).await?;
        session
            .execute(&format!(
                "SELECT pg_catalog.pg_advisory_lock({WRITER}, {oid}), \
                 pg_catalog.pg_advisory_unlock({WRITER}, {oid})"
            ))
            .await
    };
    let refused =
        |source| IncrementalError::of(table, Side::Target, settings.target.user(), source);
    claimed.await.map_err(refused)
}

/// Starts a transaction that writes to a target table, given by its OID, unless code of another role
/// would run: the table's partitions and triggers may be newer than the comparison.
pub(super) async fn begin_writing(
    session: &Session,
    settings: &CopySettings,
    table: &IncrementalTable,
    oid: u32,
) -> Result<(), IncrementalError> {
    let begin = format!(
        "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE; {}; \
         SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0; \
         SELECT pg_catalog.pg_advisory_xact_lock_shared({WRITER}, {})",
        common(settings),
        oid.cast_signed()
    );
    let begun = session.execute(&begin).await;
    begun.map_err(|source| settings.refused(table, Side::Target, source))?;
    refuse_others(settings, session, table, oid).await
}
