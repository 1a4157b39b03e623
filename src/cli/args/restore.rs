//! `nocturne restore`, as typed.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::super::connection::Connection;
use super::super::selection::Selection;
use super::super::size::Size;
use super::super::values::{ArchiveFormat, Jobs};
use super::Costs;
use crate::report::{LogFormat, ProgressMode};
use crate::restore::{CopyFormat, ForeignKeys, READ_AHEAD, ServerSetting, Tolerance};

/// `nocturne restore`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// The archive: a file, a directory, a URL, or "-" for standard input, which is the default
    ///
    /// A file is of pg_dump's custom or tar format, a directory of its directory format. The format
    /// is found by looking inside. What an http:// or https:// URL leads to is restored while it
    /// downloads, and nothing of it is written to the disk.
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<PathBuf>,

    /// Where to.
    #[command(flatten)]
    pub connection: Connection,

    /// Which database, and who it belongs to.
    #[command(flatten)]
    pub place: Place,

    /// Which entries.
    #[command(flatten)]
    pub selection: Selection,

    /// Properties of objects that are left out.
    #[command(flatten)]
    pub properties: Properties,

    /// How.
    #[command(flatten)]
    pub behaviour: Behaviour,

    /// What earlier runs have taken.
    #[command(flatten)]
    pub costs: Costs,

    /// What is told meanwhile.
    #[command(flatten)]
    pub reporting: Reporting,

    /// What is told afterwards.
    #[command(flatten)]
    pub results: Results,
}

/// Targets other than a running server's existing database, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Target")]
pub struct Place {
    /// Write the SQL to this file instead of connecting; "-" is standard output
    ///
    /// The script is that of pg_restore 18, without SET transaction_timeout where the dumped server was
    /// older than 17. That of a damaged archive ends at the damage, in a statement that the server refuses.
    #[arg(short = 'f', long, value_name = "FILENAME")]
    pub file: Option<PathBuf>,

    /// The key of \restrict in the script that --file writes; random when not given
    #[arg(long, value_name = "RESTRICT_KEY")]
    pub restrict_key: Option<String>,

    /// Create the database that the archive names, and restore into that one
    ///
    /// --dbname then only says where to connect first. With --clean, the database is dropped
    /// before.
    #[arg(short = 'C', long)]
    pub create: bool,

    /// Restore into a throw-away server, started from the PostgreSQL programs of this machine
    ///
    /// The server listens on a private socket only, and stays until interrupted, unless --exit is
    /// given.
    #[arg(long, conflicts_with_all = ["dbname", "file", "host", "port", "username", "password"])]
    pub embedded: bool,

    /// With --embedded: put the server's data directory here, and leave it there at the end
    #[arg(long, value_name = "DIR", requires = "embedded")]
    pub keep: Option<PathBuf>,

    /// With --embedded: stop the server when the restore is over
    #[arg(long, requires = "embedded")]
    pub exit: bool,

    /// With --embedded: run this when the restore is over, and print the rows
    ///
    /// The rows go to standard output, columns apart by tabs. A query that fails makes the exit
    /// code 1. With --exit, this is a backup tried out in one command.
    #[arg(long, value_name = "SQL", requires = "embedded", allow_hyphen_values = true)]
    pub query: Option<String>,
}

/// Properties of objects that are left out, as typed.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "What to leave out")]
pub struct Properties {
    /// No owners: everything belongs to whoever restores
    #[arg(short = 'O', long)]
    pub no_owner: bool,

    /// No table access methods: tables use the target's default
    #[arg(long)]
    pub no_table_access_method: bool,

    /// No tablespaces: everything goes into the database's default
    #[arg(long)]
    pub no_tablespaces: bool,
}

/// How the restore works, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Behaviour")]
pub struct Behaviour {
    /// How many sessions work side by side: a number, or auto
    ///
    /// auto, the default, is the number of this machine's processors, at least 2 and at most 8;
    /// and 1 for what has to keep an order: --single-transaction, --transaction-size, data without
    /// definitions, a list file that changes the order.
    #[arg(short = 'j', long, value_name = "NUM|auto")]
    pub jobs: Option<Jobs>,

    /// In which format rows are sent to the server
    ///
    /// binary spares the server the reading of text; what has no exact binary form is sent as text
    /// all the same. auto, the default, leaves small tables as text.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "auto")]
    pub copy_format: CopyFormat,

    /// Let sessions with nothing to do help to load a table of which this much is left for each
    ///
    /// Counted are bytes of the archive, compressed as they are there; units are kB, MB, GB and
    /// TB; 0 means never. Only tables that this restore creates are split, with more than one
    /// job, and where other work does not fill the time. The order of their rows is not kept.
    /// Unless this is given, it is 4 MB, and no table is split where server and client share one or
    /// two processors.
    #[arg(long, value_name = "SIZE")]
    pub split_size: Option<Size>,

    /// Read this much of a stream ahead, so that several of its tables are loaded at once
    ///
    /// A stream is standard input or a compressed file. Counted are the bytes as they come, kept in
    /// memory until a session takes them; units are kB, MB, GB and TB. A table that is larger is
    /// loaded while it comes.
    #[arg(long, value_name = "SIZE", default_value_t = Size(READ_AHEAD))]
    pub read_ahead: Size,

    /// What becomes of foreign keys
    ///
    /// not-valid adds them without looking at the rows, which is quick: what is written later is
    /// checked, and VALIDATE CONSTRAINT can check the rest. none leaves them out.
    #[arg(long, value_name = "HOW", value_enum, default_value = "validated")]
    pub foreign_keys: ForeignKeys,

    /// Gather statistics about the tables that were filled, as far as the archive has none
    #[arg(long)]
    pub analyze: bool,

    /// Set this in every session, for instance maintenance_work_mem=1GB
    ///
    /// Wins over what the restore would set to be quick; what its result depends on cannot be set.
    /// May be given several times.
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub set: Vec<ServerSetting>,

    /// Drop the objects of the archive from the target before restoring them
    #[arg(short = 'c', long)]
    pub clean: bool,

    /// With --clean: say IF EXISTS, so that an object that is not there is no error
    #[arg(long)]
    pub if_exists: bool,

    /// Stop at the first error; the default is to go on and to count
    #[arg(short = 'e', long)]
    pub exit_on_error: bool,

    /// Keep a journal in the target, and go on from the one that is there
    ///
    /// The first run writes down what is done (schema nocturne). If it is broken off, the same
    /// command goes on: what is done is left alone, a table that is there in part is loaded again.
    /// The journal is gone after a restore without errors. The archive, the selection and the
    /// target must be the same; --jobs may change.
    #[arg(long)]
    pub resume: bool,

    /// All or nothing: restore in one transaction; implies --exit-on-error and one job
    #[arg(short = '1', long)]
    pub single_transaction: bool,

    /// Commit after every N objects; implies --exit-on-error
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_147_483_647))]
    pub transaction_size: Option<u32>,

    /// Refusals of the server that are not errors: SQLSTATEs or names, separated by commas
    ///
    /// Each is an SQLSTATE such as 42P07, or a name: already-exists (the object is there),
    /// missing-role (an owner or grantee does not exist), comment-on-extension (only an
    /// extension's owner may set its comment). They are counted apart and do not change the exit
    /// code. May be given several times.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub tolerate: Vec<Tolerance>,

    /// No rows for a table that could not be created
    #[arg(long)]
    pub no_data_for_failed_tables: bool,

    /// Disable triggers on tables while their rows are loaded; with --data-only
    #[arg(long)]
    pub disable_triggers: bool,

    /// Load rows with row security on; the default is off, so that no row is left out
    #[arg(long)]
    pub enable_row_security: bool,

    /// Set owners with SET SESSION AUTHORIZATION instead of ALTER … OWNER TO
    #[arg(long)]
    pub use_set_session_authorization: bool,

    /// The archive's format, c, d or t: an error if it is another
    #[arg(short = 'F', long, value_name = "c|d|t")]
    pub format: Option<ArchiveFormat>,

    /// Compare the data with the digests in this file, written by verify --write-digests
    #[arg(long, value_name = "FILE")]
    pub digests: Option<PathBuf>,

    /// Print what is in the archive instead of restoring; the same as the list command
    #[arg(short = 'l', long)]
    pub list: bool,

    /// Accepted and ignored, as in pg_restore
    #[arg(short = 'R', long, hide_short_help = true)]
    pub no_reconnect: bool,
}

/// What is told while a command works, as typed.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Output")]
pub struct Reporting {
    /// Tell more; twice, tell what is said to the server too
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Tell only what goes wrong
    #[arg(short = 'q', long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// How log lines and the summary are written on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// How progress is shown on standard error
    #[arg(long, value_name = "HOW", value_enum, default_value = "auto")]
    pub progress: ProgressMode,
}

/// What is told when a restore is over, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Output")]
pub struct Results {
    /// Write the summary to this file too, as JSON
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,

    /// Write what each session did, and when, to this file: a page to look at, or JSON
    ///
    /// The page needs nothing but the file. A name that ends in .json gets the raw spans, for
    /// tools. The file is written when the restore is over, also if it failed.
    #[arg(long, value_name = "FILE")]
    pub timeline: Option<PathBuf>,
}
