//! Changes the rows of one table in the closing transaction.

use std::fmt::Write as _;

use super::keys::{self, Firing};
use super::triggers::DisabledTriggers;
use crate::rows::{RowHasher, RowSet, RowSetKey};
use crate::server::{Result, Session};
use crate::sql::ident::literal;
use crate::sync::reason::Reason;
use crate::sync::tables::{Patch, SyncTable, Tid, Whole};

/// Rows deleted by one statement.
const BATCH: usize = 4096;

/// The result of changing a table.
#[derive(Debug)]
pub(super) enum Changed {
    /// Its rows are the archive's.
    Done { rows_in: u64, rows_out: u64 },
    /// It must be rolled back.
    Refused(Reason),
}

/// A table that is being changed.
pub(super) struct Change<'a> {
    pub(super) session: &'a Session,
    pub(super) key: &'a RowSetKey,
    /// How triggers fire in the rest of the transaction.
    pub(super) firing: Firing,
    pub(super) table: &'a SyncTable,
}

impl Change<'_> {
    /// Deletes the rows that are gone, inserts the staged ones, and checks the equation: the rows
    /// read and those inserted are the archive's and those deleted.
    ///
    /// # Errors
    /// When the server refuses; the transaction must be rolled back to before then, as when it is
    /// refused.
    pub(super) async fn patch(&self, patch: &Patch) -> Result<Changed> {
        let zone = patch.zone.as_deref().map(literal);
        let Patch { old, new, staged, gone, .. } = patch;
        if let Some(zone) = &zone {
            self.session.execute(&format!("SET LOCAL TimeZone = {zone}")).await?;
        }
        let rows = async {
            let deleted = self.delete(gone).await?;
            let inserted = match staged {
                0 => RowSet::default(),
                _ => self.insert().await?,
            };
            Ok((deleted, inserted))
        };
        let (deleted, inserted) = match self.quietly(rows).await? {
            Ok(rows) => rows,
            Err(reason) => return Ok(Changed::Refused(reason)),
        };
        if zone.is_some() {
            self.session.execute("SET LOCAL TimeZone = 'UTC'").await?;
        }
        if inserted.rows != *staged || old.and(inserted) != new.and(deleted) {
            return Ok(Changed::Refused(Reason::Mismatch));
        }
        Ok(Changed::Done { rows_in: inserted.rows, rows_out: deleted.rows })
    }

    /// Deletes all rows, and inserts the staged ones. The server may write their values otherwise
    /// than the archive does, so only their number is checked.
    ///
    /// # Errors
    /// As [`Change::patch`].
    pub(super) async fn replace(&self, whole: &Whole) -> Result<Changed> {
        let (table, stage) = (self.table.sql(), self.table.stage());
        let columns = self.table.column_list();
        let delete = format!("DELETE FROM ONLY {table}");
        let insert = format!(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {stage}"
        );
        let rows = async {
            let deleted = self.session.execute_counting(&delete).await?;
            Ok((deleted, self.session.execute_counting(&insert).await?))
        };
        Ok(match self.quietly(rows).await? {
            Ok((rows_out, rows_in)) if rows_in == whole.new.rows => {
                Changed::Done { rows_in, rows_out }
            }
            Ok(_) => Changed::Refused(Reason::Mismatch),
            Err(reason) => Changed::Refused(reason),
        })
    }

    /// Does this work without triggers and foreign keys. `Err` in the result if that is impossible.
    async fn quietly<T>(&self, work: impl Future<Output = Result<T>>) -> Result<Result<T, Reason>> {
        let firing = match keys::firing(self.session, self.table.oid, self.firing).await? {
            Ok(firing) => firing,
            Err(reason) => return Ok(Err(reason)),
        };
        let is_other = firing != self.firing;
        if is_other {
            self.session.execute(firing.setting()).await?;
        }
        let name = self.table.sql();
        let triggers = DisabledTriggers::of(self.session, &name, self.table.oid, firing).await?;
        let done = work.await?;
        triggers.enable(self.session).await?;
        if is_other {
            self.session.execute(self.firing.setting()).await?;
        }
        Ok(Ok(done))
    }

    async fn delete(&self, gone: &[Tid]) -> Result<RowSet> {
        let mut deleted = RowSet::default();
        if gone.is_empty() {
            return Ok(deleted);
        }
        // A table without statistics would be read from end to end. Only for this: the cost of the
        // only possible plan of another statement would make the server compile it.
        self.session.execute("SET LOCAL enable_seqscan = off").await?;
        let (table, columns) = (self.table.sql(), self.table.column_list());
        for batch in gone.chunks(BATCH) {
            let mut tids = String::new();
            for tid in batch {
                let comma = if tids.is_empty() { "" } else { "," };
                // Writing to a string cannot fail.
                let _ = write!(tids, "{comma}\"{tid}\"");
            }
            let set = self
                .copy(&format!(
                    "DELETE FROM ONLY {table} WHERE ctid = ANY ('{{{tids}}}'::pg_catalog.tid[]) \
                     RETURNING {columns}"
                ))
                .await?;
            deleted = deleted.and(set);
        }
        self.session.execute("SET LOCAL enable_seqscan TO DEFAULT").await?;
        Ok(deleted)
    }

    async fn insert(&self) -> Result<RowSet> {
        let (table, stage) = (self.table.sql(), self.table.stage());
        let columns = self.table.column_list();
        self.copy(&format!(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE \
             SELECT {columns} FROM {stage} RETURNING {columns}"
        ))
        .await
    }

    /// The rows that a statement returns.
    async fn copy(&self, statement: &str) -> Result<RowSet> {
        let mut rows = self.session.copy_out(&format!("COPY ({statement}) TO STDOUT")).await?;
        let mut hasher = RowHasher::new(self.key);
        while let Some(chunk) = rows.next().await? {
            hasher.push(&chunk);
        }
        Ok(hasher.finish())
    }
}
