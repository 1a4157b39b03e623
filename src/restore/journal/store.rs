//! The journal's two tables.

use std::collections::HashMap;

use crate::archive::{Digest, DumpId};
use crate::restore::error::JournalError;
use crate::restore::journal::identity::Identity;
use crate::restore::journal::line::{DataRead, Mark};
use crate::restore::journal::quiet::Quiet;
use crate::server::life::ServerLife;
use crate::server::{Result, Session, has_bookkeeping, has_record};
use crate::sql::ident::literal;

/// The version of the tables' format. Other versions are not supported.
const FORMAT: &str = "2";

/// Lines, with what was read of the entry's data.
pub(super) type JournalLines = HashMap<(DumpId, Mark), DataRead>;

/// The journal's header of a run.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) identity: Identity,
    /// The server's life at the start of the run.
    pub(super) server_life: ServerLife,
    /// The file system's metadata of the archive's files at that time, if it is in files: see
    /// [`crate::source::Origin`].
    pub(super) file_state: Option<String>,
}

/// A journal that was found.
#[derive(Debug)]
pub(super) struct FoundJournal {
    pub(super) run: u32,
    /// When the first run started.
    pub(super) began: String,
    /// Of the last run.
    pub(super) head: Head,
    pub(super) lines: JournalLines,
}

pub(crate) async fn exists(session: &Session) -> Result<bool> {
    if !has_tables(session).await? {
        return Ok(false);
    }
    let sql = "SELECT NOT EXISTS (SELECT FROM nocturne.restore_journal WHERE run = 0)";
    Ok(session.query_value(sql).await?.as_deref() == Some("t"))
}

/// Whether the tables exist, possibly emptied.
async fn has_tables(session: &Session) -> Result<bool> {
    has_record(session, "restore_journal").await
}

/// The number of the last run.
pub(super) async fn run(session: &Session) -> Result<Option<u32>> {
    let run = session.query_value("SELECT run FROM nocturne.restore_journal").await?;
    Ok(run.and_then(|run| run.parse().ok()))
}

/// Creates the tables, or reuses those that an earlier restore emptied. The server refuses a role
/// that may not create a schema.
pub(super) async fn create(session: &Session, head: &Head) -> Result<()> {
    if has_tables(session).await? {
        return reuse(session, head).await;
    }
    let quiet = Quiet::of(session).await?.setting();
    let has_schema = has_bookkeeping(session).await?;
    let schema = if has_schema { "" } else { "CREATE SCHEMA nocturne;" };
    let identity = literal(&head.identity.to_json());
    let (life, state) = (literal(head.server_life.as_text()), or_null(&head.file_state));
    let sql = format!(
        "BEGIN; SET LOCAL synchronous_commit = on; {quiet} {schema} \
         CREATE TABLE nocturne.restore_journal (format integer PRIMARY KEY, run integer NOT NULL, \
             began timestamptz NOT NULL DEFAULT pg_catalog.now(), identity text NOT NULL, \
             server_life text NOT NULL, file_state text, schema_is_ours boolean NOT NULL); \
         CREATE TABLE nocturne.restore_journal_line (dump_id integer, mark text, \
             read bigint NOT NULL, sha256 text, run integer NOT NULL, \
             at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), \
             PRIMARY KEY (dump_id, mark)); \
         COMMENT ON TABLE nocturne.restore_journal IS \
             'A restore by nocturne that is not finished: run it again with --resume'; \
         INSERT INTO nocturne.restore_journal \
                 (format, run, identity, server_life, file_state, schema_is_ours) \
             VALUES ({FORMAT}, 1, {identity}, {life}, {state}, {}); COMMIT",
        !has_schema
    );
    let created = session.execute(&sql).await;
    if created.is_err() && session.is_usable() {
        // The first error is the one to report.
        drop(session.rollback().await);
    }
    created
}

/// Starts a journal in empty tables.
async fn reuse(session: &Session, head: &Head) -> Result<()> {
    let identity = literal(&head.identity.to_json());
    let (life, state) = (literal(head.server_life.as_text()), or_null(&head.file_state));
    // Several statements in one message are one transaction.
    let sql = format!(
        "SET LOCAL synchronous_commit = on; DELETE FROM nocturne.restore_journal_line; \
         UPDATE nocturne.restore_journal SET format = {FORMAT}, run = 1, \
             began = pg_catalog.now(), identity = {identity}, server_life = {life}, \
             file_state = {state}"
    );
    session.execute(&sql).await
}

fn or_null(text: &Option<String>) -> String {
    text.as_deref().map_or_else(|| "NULL".to_owned(), literal)
}

/// Reads the journal, if there is one.
pub(super) async fn find(session: &Session) -> Result<Option<FoundJournal>, JournalError> {
    if !exists(session).await? {
        return Ok(None);
    }
    let damaged = |what: &str| JournalError::Damaged(what.to_owned());
    let format = session.query_value("SELECT format FROM nocturne.restore_journal").await?;
    match format {
        Some(format) if format == FORMAT => {}
        format => return Err(JournalError::Format(format.unwrap_or_default())),
    }
    let sql = "SELECT run, pg_catalog.date_trunc('second', began), identity, server_life, file_state \
               FROM nocturne.restore_journal";
    let row = session.query_text(sql).await?.into_iter().next();
    let Some([Some(run), Some(began), Some(identity), Some(server_life), file_state]) =
        row.and_then(|row| <[Option<String>; 5]>::try_from(row).ok())
    else {
        return Err(damaged("its header is missing"));
    };
    let lines = lines(session).await?;
    let identity =
        Identity::from_json(&identity).ok_or_else(|| damaged("its identity is invalid"))?;
    Ok(Some(FoundJournal {
        run: run.parse().map_err(|_| damaged("its run number is invalid"))?,
        began,
        head: Head { identity, server_life: ServerLife::from_text(server_life), file_state },
        lines,
    }))
}

/// All lines.
pub(super) async fn lines(session: &Session) -> Result<JournalLines> {
    let sql = "SELECT dump_id, mark, read, sha256 FROM nocturne.restore_journal_line";
    let rows = session.query_text(sql).await?;
    let line = |row: Vec<Option<String>>| {
        let [id, mark, read, sha256] = <[Option<String>; 4]>::try_from(row).ok()?;
        let key = (DumpId(id?.parse().ok()?), Mark::from_word(&mark?)?);
        let digest = sha256.and_then(|digits| Digest::from_hex(&digits));
        Some((key, DataRead { bytes: read?.parse().ok()?, digest }))
    };
    // There are no other rows: the columns are typed, and the format is known.
    Ok(rows.into_iter().filter_map(line).collect())
}

/// Starts another run, without the void lines.
pub(super) async fn go_on(session: &Session, void: &[(DumpId, Mark)], head: &Head) -> Result<()> {
    let (life, state) = (literal(head.server_life.as_text()), or_null(&head.file_state));
    let mut sql = format!(
        "SET LOCAL synchronous_commit = on; \
         UPDATE nocturne.restore_journal \
             SET run = run + 1, server_life = {life}, file_state = {state};"
    );
    for (entry, mark) in void {
        sql.push_str(&delete(*entry, *mark));
    }
    // Several statements in one message are one transaction.
    session.execute(&sql).await
}

/// The statement that writes a line.
pub(super) fn insert(entry: DumpId, mark: Mark, data: DataRead, run: u32) -> String {
    let word = literal(mark.word());
    let digest = or_null(&data.digest.map(|digest| digest.to_string()));
    let read = data.bytes;
    format!(
        "INSERT INTO nocturne.restore_journal_line (dump_id, mark, read, sha256, run) \
         VALUES ({}, {word}, {read}, {digest}, {run}) ON CONFLICT DO NOTHING;",
        entry.0
    )
}

/// The statement that takes a line back.
pub(super) fn delete(entry: DumpId, mark: Mark) -> String {
    format!(
        "DELETE FROM nocturne.restore_journal_line WHERE dump_id = {} AND mark = {};",
        entry.0,
        literal(mark.word())
    )
}

/// Whether a line exists.
pub(crate) async fn has(session: &Session, entry: DumpId, mark: Mark) -> Result<bool> {
    let sql = format!(
        "SELECT true FROM nocturne.restore_journal_line WHERE dump_id = {} AND mark = {}",
        entry.0,
        literal(mark.word())
    );
    Ok(session.query_value(&sql).await?.is_some())
}

/// Drops the tables, and the schema if it was created with them and holds nothing else. If an event
/// trigger would fire, empties the tables instead and returns false.
pub(crate) async fn drop_tables(session: &Session) -> Result<bool> {
    let quiet = Quiet::of(session).await?;
    if quiet.would_fire(session).await? {
        let sql = "DELETE FROM nocturne.restore_journal_line; \
                   UPDATE nocturne.restore_journal SET run = 0";
        return session.execute(sql).await.map(|()| false);
    }
    let ours = session.query_value("SELECT schema_is_ours FROM nocturne.restore_journal").await?;
    let tables = format!(
        "{} DROP TABLE nocturne.restore_journal, nocturne.restore_journal_line;",
        quiet.setting()
    );
    if ours.as_deref() == Some("t") {
        let alone = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
             WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass \
               AND d.refobjid = pg_catalog.to_regnamespace('nocturne') \
               AND d.objid NOT IN ('nocturne.restore_journal'::pg_catalog.regclass, \
                                   'nocturne.restore_journal_line'::pg_catalog.regclass))";
        if session.query_value(alone).await?.as_deref() == Some("t") {
            let all = format!("{tables} DROP SCHEMA nocturne;");
            return session.execute(&all).await.map(|()| true);
        }
    }
    session.execute(&tables).await.map(|()| true)
}
