//! Contents of large objects as SQL.

use std::fmt::Write as _;
use std::io::Read;

use crate::archive::objects::{ObjectsDue, listed_objects};
use crate::archive::{self, Entry, LargeObjects};
use crate::statements::drop_large_object_if_exists;

use super::Clean;
use super::Script;
use super::Transactions;
use super::error::ScriptError;
use super::output::read;

/// Bytes of a large object in one statement (`LOBBUFSIZE` in `pg_backup_archiver.h`).
const CHUNK_BYTES: usize = 16 << 10;
/// The right to write (`INV_WRITE` in `src/include/libpq/libpq-fs.h`).
const INV_WRITE: u32 = 0x20000;

impl Script<'_, '_> {
    /// Writes the large objects of an entry, in a transaction, without which they would be closed
    /// at once.
    pub(super) fn large_objects(
        &mut self,
        entry: &Entry,
        objects: &mut dyn LargeObjects,
    ) -> Result<(), ScriptError> {
        let metadata = entry.dependencies.first().and_then(|id| self.blob_metadata.get(id));
        let listed = listed_objects(metadata.copied(), self.selection.entries);
        let mut due = ObjectsDue::new(listed);
        let own_transaction = self.options.transactions == Transactions::None;
        if own_transaction {
            self.out.text("BEGIN;\n\n")?;
        }
        while let Some(mut object) = objects.next_object()? {
            due.came(object.oid)?;
            self.large_object(object.oid, &mut object.content)?;
        }
        due.finish()?;
        if own_transaction {
            self.out.text("COMMIT;\n\n")?;
        }
        Ok(())
    }

    fn large_object(&mut self, oid: u32, content: &mut impl Read) -> Result<(), ScriptError> {
        if self.options.header.creates_large_objects_with_data {
            if self.options.clean != Clean::No {
                self.out.text(&drop_large_object_if_exists(oid))?;
            }
            self.out.text(&format!(
                "SELECT pg_catalog.lo_open(pg_catalog.lo_create('{oid}'), {INV_WRITE});\n"
            ))?;
        } else {
            self.out.text(&format!("SELECT pg_catalog.lo_open('{oid}', {INV_WRITE});\n"))?;
        }
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let length = fill(content, &mut chunk)?;
            if length == 0 {
                break;
            }
            let bytes = self.bytea(&chunk[..length]);
            self.out.text(&format!("SELECT pg_catalog.lowrite(0, {bytes});\n"))?;
        }
        self.out.text("SELECT pg_catalog.lo_close(0);\n\n")
    }

    /// `bytes` as a literal (`appendByteaLiteral` in `src/fe_utils/string_utils.c`).
    fn bytea(&self, bytes: &[u8]) -> String {
        let conforming = self.options.style.source.standard_conforming_strings;
        let mut literal = String::with_capacity(2 * bytes.len() + 5);
        literal.push_str(if conforming { "'\\x" } else { "'\\\\x" });
        for byte in bytes {
            // Writing to a String does not fail.
            let _ = write!(literal, "{byte:02x}");
        }
        literal.push('\'');
        literal
    }
}

/// Reads until `chunk` is full or the data ends.
fn fill(content: &mut impl Read, chunk: &mut [u8]) -> archive::Result<usize> {
    let mut length = 0;
    while length < chunk.len() {
        match read(content, &mut chunk[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}
