//! Records what a restore made, for the next sync.

use std::collections::HashSet;

use super::lane::Sessions;
use super::manifest::{self, Manifest, Rel};
use super::picture::{self, Picture};
use super::tables::{self, NoTables};
use super::{proof, shape};
use crate::archive::Toc;
use crate::restore::{DataLoaded, LoadedData};
use crate::select::Selection;
use crate::server::{Result, Session, SessionError};
use crate::sync::error::SyncError;
use crate::sync::options::SyncOptions;
use crate::sync::reason::Reason;

/// Why a restore could not be recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    /// The server refused, or the connection is gone.
    #[error(transparent)]
    Server(#[from] SessionError),
    /// The archive cannot be synced.
    #[error("{0}")]
    Archive(Reason),
}

impl From<NoTables> for RecordError {
    fn from(error: NoTables) -> Self {
        match error {
            NoTables::Differ(reason) => Self::Archive(reason),
            NoTables::Server(error) => Self::Server(error),
        }
    }
}

impl From<RecordError> for SyncError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Server(error) => Self::Server(error),
            RecordError::Archive(reason) => Self::NeedsFull(vec![reason]),
        }
    }
}

/// Writes the first manifest after a restore without errors. `loaded` is what it loaded.
///
/// # Errors
/// When the server refuses, or the archive has tables that cannot be compared.
pub(super) async fn record(
    sessions: &Sessions,
    toc: &Toc,
    selection: &Selection,
    options: &SyncOptions,
    loaded: &LoadedData,
) -> Result<(), RecordError> {
    let session = sessions.open().await?;
    manifest::create(&session).await?;
    // One snapshot for all: what others write since then is found by the next sync.
    session
        .execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE; SET LOCAL synchronous_commit = on",
        )
        .await?;
    let picture = Picture::of(toc, selection, &options.restore);
    let objects = shape::Objects::read(&session).await?.records(&picture);
    let role = session.query_value("SELECT current_user").await?.unwrap_or_default();
    let version = session.server_version_num();
    let written = written_again(&session).await?;
    let mut rels = Vec::new();
    for table in tables::tables(&session, toc, selection, None).await? {
        let name = table.sql();
        let mut baseline = proof::baseline(&session, table.oid, &name).await?;
        let data = loaded.get(toc.at(table.data).dump_id);
        let is_as_loaded = data.is_some_and(|DataLoaded { rows, .. }| rows == baseline.rows);
        if !is_as_loaded || written.contains(&table.oid) {
            // Someone wrote to the table while everything was restored.
            baseline.xids = None;
        }
        let data = data.map(|data| data.digest);
        rels.push(Rel { oid: table.oid, schema: table.schema, name: table.name, data, baseline });
    }
    let manifest = Manifest {
        night: 1,
        settings: picture::settings(toc, &options.restore, &role, version),
        entries: picture.entries,
        objects,
        rels,
    };
    let last = manifest::store(&session, &manifest, &described(toc)).await?;
    Ok(session.execute_and_commit(&last, "").await?)
}

/// The tables from which rows were deleted, or in which they were updated, since they were created.
async fn written_again(session: &Session) -> Result<HashSet<u32>> {
    let sql = "SELECT relid FROM pg_catalog.pg_stat_all_tables WHERE n_tup_upd + n_tup_del > 0";
    let oids = session.query_text(sql).await?.into_iter().flatten().flatten();
    Ok(oids.filter_map(|oid| oid.parse().ok()).collect())
}

/// An archive, in words, for people who look at the manifest.
pub(super) fn described(toc: &Toc) -> String {
    let header = &toc.header;
    format!(
        "{}, dumped at {} by pg_dump {} from PostgreSQL {}",
        header.dbname, header.created, header.dump_version, header.remote_version
    )
}
