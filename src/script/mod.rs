//! The SQL script that `-f` writes: for an intact archive, byte for byte what `pg_restore -f` of
//! PostgreSQL 18 writes.
//!
//! The order is that of `RestoreArchive` in `src/bin/pg_dump/pg_backup_archiver.c`: the settings,
//! the drops in reverse order, then the entries in three passes. The SQL itself comes from
//! [`crate::statements`]; this module adds the comments, the blank lines, and what only psql
//! understands. Two differences are intended: `transaction_timeout` is set only when the script is
//! for a server that supports it ([`ScriptOptions::for_server_major`]), and truncated data ends in
//! a statement that the server refuses (`rows.rs`).

mod entry;
mod error;
mod large_objects;
mod meta;
mod output;
mod rows;
#[cfg(test)]
mod tests;
mod transaction;

use std::collections::HashMap;
use std::io::Write;

use crate::archive::encoding::Encoding;
use crate::archive::{self, Data, Desc, DumpId, Entry, Place};
use crate::restore::event::{Event, Events};
use crate::select::{self, Pass, Want};
use crate::statements::{SessionState, StatementError, Style, drop_object, fixed_settings};

pub use error::ScriptError;
pub use meta::{is_valid_restrict_key, random_restrict_key};

use crate::restore::Transactions;
use output::Output;
use transaction::Counter;

/// What to write and how.
pub struct ScriptOptions<'a> {
    /// How statements are made.
    pub style: Style,
    /// Whether and how objects are dropped first (`--clean`, `--if-exists`).
    pub clean: Clean,
    /// Create the database and connect to it (`--create`).
    pub create: bool,
    /// Where transactions begin and end.
    pub transactions: Transactions,
    /// Disable triggers while rows are loaded (`--disable-triggers`). Has an effect only when
    /// nothing but data is wanted.
    pub disable_triggers: bool,
    /// More detailed comments (`--verbose`).
    pub verbose: Option<Verbose<'a>>,
    /// The key that keeps psql from meta-commands inside the script (see
    /// [`random_restrict_key`]). `None` writes a script for an old psql.
    pub restrict_key: Option<String>,
    /// The major version of the server that the script is for. `None` means that of the dumped
    /// server.
    pub for_server_major: Option<u32>,
    /// Facts from the archive's header.
    pub header: ScriptHeader,
    /// The archive's encoding, in which the script is written.
    pub encoding: Encoding,
}

/// Whether objects are dropped before they are created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clean {
    /// They are not.
    #[default]
    No,
    /// They are, and must exist.
    Drop,
    /// They are if they exist.
    DropIfExists,
}

/// Facts from the archive's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptHeader {
    /// Version of the dumped server, as recorded in the archive.
    pub server_version: Option<String>,
    /// Version of pg_dump, as recorded in the archive.
    pub dump_version: Option<String>,
    /// Set in archives before 1.12, in which a large object is created along with its contents.
    pub creates_large_objects_with_data: bool,
}

/// What the comments of a verbose script need.
pub struct Verbose<'a> {
    /// When the archive was created, `2024-05-01 02:00:00 CEST`.
    pub created: String,
    /// The present time in the same form; called at the end.
    pub now: &'a dyn Fn() -> String,
    /// Set for the custom format, in which entries have an offset rather than a file.
    pub custom_format: bool,
}

/// The table of contents and what is wanted of it.
#[derive(Clone, Copy)]
pub struct ScriptSelection<'a> {
    /// All entries of the archive.
    pub entries: &'a [Entry],
    /// The places of `entries`, in the order of the restore.
    pub order: &'a [Place],
    /// What is wanted of each of `entries`.
    pub wants: &'a [Want],
}

impl<'a> ScriptSelection<'a> {
    /// The wanted entries in order.
    fn wanted(self) -> impl DoubleEndedIterator<Item = (&'a Entry, Want)> {
        self.order.iter().filter_map(move |&place| {
            let parts = *self.wants.get(place.0)?;
            let entry = self.entries.get(place.0)?;
            parts.any().then_some((entry, parts))
        })
    }
}

/// Opens the data of an entry.
pub type OpenData<'a> = dyn FnMut(&Entry) -> archive::Result<Data> + 'a;

/// Writes the script for the wanted entries.
///
/// An incomplete script is of no use: it ends at the first error, in a statement that makes psql
/// fail. What pg_restore would warn about goes to `events`.
///
/// # Errors
/// When the output fails, the archive is damaged, or an entry cannot become SQL.
pub fn write_script(
    out: &mut dyn Write,
    selection: ScriptSelection<'_>,
    options: &ScriptOptions<'_>,
    events: &Events,
    open: &mut OpenData<'_>,
) -> Result<(), ScriptError> {
    Script {
        out: Output::new(out, &options.encoding),
        transactions: Counter::new(options.transactions),
        session: SessionState::default(),
        blob_metadata: selection
            .entries
            .iter()
            .filter(|entry| entry.desc == Desc::BlobMetadata)
            .map(|entry| (entry.dump_id, entry))
            .collect(),
        with_schema: selection.wanted().any(|(_, parts)| parts.schema),
        selection,
        options,
        events,
        open,
    }
    .write()
}

/// A script being written.
struct Script<'a, 'o> {
    out: Output<'o>,
    selection: ScriptSelection<'a>,
    options: &'a ScriptOptions<'a>,
    events: &'a Events,
    open: &'a mut OpenData<'o>,
    session: SessionState,
    transactions: Counter,
    /// The lists of large objects, which their privileges rely on.
    blob_metadata: HashMap<DumpId, &'a Entry>,
    /// Whether any definition is wanted.
    with_schema: bool,
}

impl Script<'_, '_> {
    fn write(mut self) -> Result<(), ScriptError> {
        let written = self.everything();
        // The output may be gone; anything else leaves a script that psql must not accept.
        if written.as_ref().is_err_and(|error| !matches!(error, ScriptError::Output(_))) {
            self.refuse()?;
        }
        written
    }

    /// Ends an incomplete script so that psql fails, whatever its ON_ERROR_STOP setting.
    fn refuse(&mut self) -> Result<(), ScriptError> {
        let unrestrict = self.options.restrict_key.as_ref();
        let unrestrict = unrestrict.map(|key| format!("\\unrestrict {key}\n"));
        self.out.text(&format!(
            "\n\n{}\\set ON_ERROR_STOP on\n\
             DO $$BEGIN RAISE EXCEPTION 'this script is incomplete: \
             its archive could not be read to the end'; END$$;\n",
            unrestrict.unwrap_or_default()
        ))?;
        self.out.flush()
    }

    fn everything(&mut self) -> Result<(), ScriptError> {
        self.begin()?;
        if self.options.clean != Clean::No {
            self.drops()?;
        }
        for pass in Pass::ALL {
            for (entry, parts) in self.selection.wanted() {
                if select::pass(entry) == pass {
                    self.entry(entry, parts)?;
                }
            }
        }
        self.end()
    }

    fn begin(&mut self) -> Result<(), ScriptError> {
        let options = self.options;
        self.out.text("--\n-- PostgreSQL database dump\n--\n\n")?;
        if let Some(key) = &options.restrict_key {
            self.out.text(&format!("\\restrict {key}\n\n"))?;
        }
        if let Some(version) = &options.header.server_version {
            self.out.text(&format!("-- Dumped from database version {version}\n"))?;
        }
        if let Some(version) = &options.header.dump_version {
            self.out.text(&format!("-- Dumped by pg_dump version {version}\n"))?;
        }
        self.out.text("\n")?;
        if let Some(verbose) = &options.verbose {
            self.out.text(&format!("-- Started on {}\n\n", verbose.created))?;
        }
        if options.transactions == Transactions::Single {
            self.out.text("BEGIN;\n\n")?;
        }
        self.settings()
    }

    /// Writes the session settings and, with a transaction size, the first BEGIN.
    fn settings(&mut self) -> Result<(), ScriptError> {
        for setting in fixed_settings(&self.options.style, self.options.for_server_major) {
            self.out.text(&setting)?;
            self.out.text("\n")?;
        }
        if self.transactions.begin() {
            self.out.text("\nBEGIN;\n")?;
        }
        self.out.text("\n")
    }

    fn drops(&mut self) -> Result<(), ScriptError> {
        for (entry, parts) in self.selection.wanted().rev() {
            let is_database = matches!(entry.desc, Desc::Database | Desc::DatabaseProperties);
            // The session is still in another database, where nothing else may be dropped.
            if (self.options.create && !is_database)
                || !(parts.schema || parts.data)
                || (entry.drop_stmt.is_empty() && !has_empty_drop(entry))
            {
                continue;
            }
            let if_exists = self.options.clean == Clean::DropIfExists;
            let dropping = drop_object(entry, if_exists).map_err(|e| statement(entry, e))?;
            if dropping.without_if_exists {
                self.warn(format!(
                    "could not find where to insert IF EXISTS in statement \"{}\"",
                    entry.drop_stmt.trim_end()
                ));
            }
            // A database cannot be dropped in a transaction.
            if is_database && self.transactions.in_batches() {
                self.out.text("COMMIT;\n")?;
            }
            let settings = self.session.before_data(entry, &self.options.style);
            self.set(settings)?;
            if let Some(command) = dropping.command {
                self.command(&command, "")?;
            }
            if is_database {
                if self.transactions.begin() {
                    self.out.text("BEGIN;\n")?;
                }
            } else if self.transactions.count(1) {
                self.out.text("COMMIT;\nBEGIN;\n")?;
            }
        }
        self.session.forget_schema();
        Ok(())
    }

    fn end(&mut self) -> Result<(), ScriptError> {
        if self.options.transactions != Transactions::None {
            self.out.text("COMMIT;\n\n")?;
        }
        if let Some(verbose) = &self.options.verbose {
            self.out.text(&format!("-- Completed on {}\n\n", (verbose.now)()))?;
        }
        self.out.text("--\n-- PostgreSQL database dump complete\n--\n\n")?;
        if let Some(key) = &self.options.restrict_key {
            self.out.text(&format!("\\unrestrict {key}\n\n"))?;
        }
        self.out.flush()
    }

    fn warn(&self, message: String) {
        self.events.send(Event::Warning { message });
    }
}

fn statement(entry: &Entry, source: StatementError) -> ScriptError {
    ScriptError::Statement { label: entry.label(), source }
}

/// Whether the entry has an empty DROP statement, which is not the same as none: pg_restore
/// prepares for it and counts it.
///
/// For these kinds pg_dump always writes a statement, which stays empty where something else drops
/// the object: its partitioned parent, or the table whose identity it is.
fn has_empty_drop(entry: &Entry) -> bool {
    matches!(entry.desc, Desc::DatabaseProperties | Desc::Index | Desc::Sequence | Desc::Trigger)
}
