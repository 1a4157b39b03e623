//! Writes the rows of a table to the script, checking them along the way.
//!
//! Truncated data must not pass for complete. psql loads what came before the cut, and takes what
//! follows for rows of the same COPY; so a truncated COPY ends in a row that the server refuses.

use std::io::Read;

use crate::archive::{ArchiveError, Desc, Entry};
use crate::rows::{CopyStatement, CopyText, refuse_nul};
use crate::sql::split::{Batches, Ends};

use super::Script;
use super::error::ScriptError;

/// More columns than any table has (`MaxHeapAttributeNumber` in
/// `src/include/access/htup_details.h`).
const TOO_MANY: usize = 1601;

impl Script<'_, '_> {
    /// Writes the COPY or the INSERT statements of an entry.
    pub(super) fn rows(&mut self, entry: &Entry, rows: impl Read) -> Result<(), ScriptError> {
        self.out.text(&entry.copy_stmt)?;
        if !entry.copy_stmt.is_empty() {
            let copied = self.copy(rows);
            if matches!(copied, Err(ScriptError::Archive(_))) {
                self.refused_row(entry)?;
            }
            copied
        } else if entry.desc == Desc::TableData {
            self.inserts(rows)
        } else {
            self.out.data(rows)
        }
    }

    fn copy(&mut self, rows: impl Read) -> Result<(), ScriptError> {
        let mut text = CopyText::new(rows);
        while let Some(piece) = text.next_piece()? {
            refuse_nul(&piece, text.bytes() - piece.len() as u64)?;
            self.out.bytes(&piece)?;
        }
        self.out.text("\\.\n\n\n")
    }

    /// Writes a row with too many columns, which makes the server refuse it and those before it.
    fn refused_row(&mut self, entry: &Entry) -> Result<(), ScriptError> {
        let columns = CopyStatement::parse(&entry.copy_stmt).map_or(0, |copy| copy.columns.len());
        let tabs = if columns == 0 { TOO_MANY } else { columns };
        self.out.text(&format!("\nthe archive is damaged here{}\n\\.\n", "\t".repeat(tabs)))
    }

    /// Writes whole statements only: a truncated one may leave a quote open.
    fn inserts(&mut self, rows: impl Read) -> Result<(), ScriptError> {
        let conforming = self.options.style.source.standard_conforming_strings;
        let mut batches = Batches::new(rows, conforming, Ends::WithBlankLines);
        let mut before = 0;
        for batch in batches.by_ref() {
            let batch = batch.map_err(ArchiveError::from_statements)?;
            refuse_nul(batch.sql(), before)?;
            before += batch.sql().len() as u64;
            self.out.bytes(batch.sql())?;
        }
        let feeds = batches.ending().map_or(0, |ending| ending.line_feeds);
        (0..feeds).try_for_each(|_| self.out.text("\n"))
    }
}
