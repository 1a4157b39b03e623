//! The options of a restore.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::archive::digests::Digests;
use crate::plan::history::CostHistory;
use crate::restore::loaded_data::LoadedData;
use crate::restore::points::Stages;
use crate::restore::server_setting::ServerSetting;
use crate::restore::tolerance::Tolerance;
use crate::statements::Style;

/// How much of a table must remain for each session by default: some tenths of a second's work.
const SPLIT_SIZE: u64 = 4 << 20;

/// The default of [`RestoreOptions::read_ahead`].
pub const READ_AHEAD: u64 = 64 << 20;

/// How to restore; what to restore is decided in [`crate::select`].
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// Sessions that work in parallel, at least 1.
    pub jobs: usize,
    /// How SQL is written.
    pub style: Style,
    /// Drop the objects first (`--clean`).
    pub clean: bool,
    /// Ignore missing objects when dropping (`--if-exists`).
    pub if_exists: bool,
    /// Create the database and restore into that (`--create`).
    pub create: bool,
    /// Stop at the first error (`--exit-on-error`).
    pub exit_on_error: bool,
    /// How statements are grouped into transactions.
    pub transactions: Transactions,
    /// The format in which rows are sent.
    pub copy_format: CopyFormat,
    /// Whether idle sessions help to load a table (`--split-size`).
    pub split_size: SplitSize,
    /// Bytes of a stream, as stored in the archive, that may be buffered in memory until a session
    /// reads them, so that several tables are loaded at once (`--read-ahead`).
    pub read_ahead: u64,
    /// Disable triggers while rows are loaded in a data-only restore (`--disable-triggers`).
    pub disable_triggers: bool,
    /// Skip the rows of tables that could not be created (`--no-data-for-failed-tables`).
    pub no_data_for_failed_tables: bool,
    /// Server errors that do not count (`--tolerate`).
    pub tolerate: Vec<Tolerance>,
    /// The digests that the archive must match (`--digests`).
    pub digests: Option<Arc<Digests>>,
    /// The cost of jobs in earlier runs; empty if nothing is known.
    pub history: Arc<CostHistory>,
    /// How foreign keys are restored (`--foreign-keys`).
    pub foreign_keys: ForeignKeys,
    /// Gather statistics about the tables that are filled (`--analyze`).
    pub analyze: bool,
    /// Settings of every session (`--set`), in this order.
    pub settings: Vec<ServerSetting>,
    /// Restore in exactly the order of the selection, which a list file may have changed.
    pub strictly_in_order: bool,
    /// The caller's work at stages of the restore. A transaction that holds several entries is
    /// committed there.
    pub stages: Stages,
    /// Keep a journal, and resume from the one that the target holds (`--resume`): see
    /// [`crate::restore::journal`].
    pub journal: Option<JournalOptions>,
    /// Hash the data that is loaded as it is stored in the archive, and note the digests here.
    pub loaded: Option<LoadedData>,
    /// Start jobs in a random order from this seed, as far as dependencies allow; for tests.
    #[doc(hidden)]
    pub shuffle: Option<u64>,
}

/// The defaults of `nocturne restore`, in one session.
impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            jobs: 1,
            style: Style::default(),
            clean: false,
            if_exists: false,
            create: false,
            exit_on_error: false,
            transactions: Transactions::default(),
            copy_format: CopyFormat::default(),
            split_size: SplitSize::default(),
            read_ahead: READ_AHEAD,
            disable_triggers: false,
            no_data_for_failed_tables: false,
            tolerate: Vec::new(),
            digests: None,
            history: Arc::default(),
            foreign_keys: ForeignKeys::default(),
            analyze: false,
            settings: Vec::new(),
            strictly_in_order: false,
            stages: Stages::default(),
            journal: None,
            loaded: None,
            shuffle: None,
        }
    }
}

/// Which tables may be loaded by several sessions (`--split-size`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SplitSize {
    /// Those with 4 MiB of archived data left for each session, if there are processors for it: a
    /// session's server process and the thread that feeds it keep two busy.
    #[default]
    Auto,
    /// Those with this many bytes of archived data left for each session.
    Bytes(u64),
    /// None.
    Never,
}

impl SplitSize {
    /// The bytes that must remain for each session.
    pub(crate) fn least(self) -> Option<u64> {
        match self {
            Self::Auto => Some(SPLIT_SIZE),
            Self::Bytes(bytes) => Some(bytes),
            Self::Never => None,
        }
    }
}

/// The format in which rows are sent to the server (`--copy-format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyFormat {
    /// Binary where that pays off.
    #[default]
    Auto,
    /// As stored in the archive.
    Text,
    /// Binary wherever every column has a codec.
    Binary,
}

/// How statements are grouped into transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transactions {
    /// Each statement on its own; the rows of each table in one.
    #[default]
    None,
    /// One for all (`--single-transaction`): all or nothing.
    Single,
    /// A new one after this many objects (`--transaction-size`).
    Batches(NonZeroU32),
}

/// How foreign keys are restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForeignKeys {
    /// They are added and all rows are checked.
    #[default]
    Validated,
    /// They are added `NOT VALID`: the server checks later changes, not the existing rows.
    NotValid,
    /// They are not restored, nor are comments on them.
    None,
}

impl ForeignKeys {
    /// The value of `--foreign-keys`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Validated => "validated",
            Self::NotValid => "not-valid",
            Self::None => "none",
        }
    }
}

/// How a journal is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalOptions {
    /// Keep the journal after a restore without errors, so that another run finds everything done.
    /// For callers with more work afterwards, which may fail; they
    /// [`forget`](crate::restore::journal::forget) it in the end.
    pub keep: bool,
}
