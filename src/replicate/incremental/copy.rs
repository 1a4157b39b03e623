//! Copies one range of a table from the source into a transaction of the target, which then waits
//! for its commit.

use tokio::sync::Semaphore;

use super::claim::{begin_writing, connect};
use super::error::{IncrementalError, Side};
use super::key::KeyColumn;
use super::pipe::pipe;
use super::ranges::Range;
use super::settings::{CopySettings, IncrementalTable};
use super::snapshot::Readers;
use super::table_definition::Relation;
use crate::server::Session;

/// The shared state of a run.
pub(super) struct CopyRun<'a> {
    pub(super) settings: &'a CopySettings,
    pub(super) readers: Readers<'a>,
    /// One per source connection that may read.
    pub(super) permits: Semaphore,
}

impl CopyRun<'_> {
    /// A reader and its permit.
    pub(super) async fn reader(
        &self,
    ) -> Result<(tokio::sync::SemaphorePermit<'_>, Session), IncrementalError> {
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.map_err(|_| IncrementalError::Stopped)?;
        let session = self
            .readers
            .open()
            .await
            .map_err(|source| IncrementalError::Connect { side: Side::Source, source })?;
        Ok((permit, session))
    }
}

/// How a table is copied.
pub(super) struct CopyPlan<'a> {
    pub(super) table: &'a IncrementalTable,
    /// The table's OID in the target.
    pub(super) oid: u32,
    pub(super) key: KeyColumn,
    /// The copied columns, as an SQL list.
    columns: String,
    /// Whether all their binary values mean the same on both sides.
    pub(super) is_binary: bool,
}

impl<'a> CopyPlan<'a> {
    /// A plan for a table that has been compared.
    pub(super) fn new(
        table: &'a IncrementalTable,
        key: KeyColumn,
        source: &Relation,
        target: &Relation,
    ) -> Self {
        // The type names are equal, but domains of the same name may have different base types.
        let is_binary = target.copied().all(|column| {
            let of_source = source.column(&column.name);
            column.binary
                && of_source.is_some_and(|of_source| {
                    of_source.binary && of_source.base_type == column.base_type
                })
        });
        Self { table, oid: target.oid, key, columns: target.copied_names(), is_binary }
    }

    /// The copied columns, as an SQL list.
    pub(super) fn columns(&self) -> &str {
        &self.columns
    }

    /// The COPY statement that reads a range from the source.
    pub(super) fn copy_out(&self, range: &Range) -> String {
        let condition = self.key.between(range.after.as_deref(), &range.through);
        let (columns, table, format) = (&self.columns, self.table, self.format());
        format!("COPY (SELECT {columns} FROM {table} r WHERE {condition}) TO STDOUT ({format})")
    }

    /// The COPY statement that writes to a table of the target.
    pub(super) fn copy_in(&self, table: &str) -> String {
        format!("COPY {table} ({}) FROM STDIN ({})", self.columns, self.format())
    }

    fn format(&self) -> &'static str {
        if self.is_binary { "FORMAT binary" } else { "FORMAT text" }
    }
}

/// A range that is loaded but not yet committed. Dropping it rolls it back.
pub(super) struct CopiedRows {
    pub(super) writer: Session,
    pub(super) range: Range,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// Copies a range, and compares the row counts of both sides. The source's session ends with the
/// COPY.
///
/// # Errors
/// Nothing remains in the target then.
pub(super) async fn load(
    context: &CopyRun<'_>,
    plan: &CopyPlan<'_>,
    range: Range,
) -> Result<CopiedRows, IncrementalError> {
    let (_permit, reader) = context.reader().await?;
    let of_target = |source| context.settings.refused(plan.table, Side::Target, source);
    let writer = connect(context.settings).await?;
    begin_writing(&writer, context.settings, plan.oid).await.map_err(of_target)?;
    let piped = pipe(&reader, &plan.copy_out(&range), &writer, &plan.copy_in(&plan.table.sql()))
        .await
        .map_err(|(side, source)| context.settings.refused(plan.table, side, source))?;
    if piped.sent != piped.stored {
        let (table, sent, stored) = (plan.table.clone(), piped.sent, piped.stored);
        return Err(IncrementalError::Count { table, sent, stored });
    }
    Ok(CopiedRows { writer, range, rows: piped.stored, bytes: piped.bytes })
}
