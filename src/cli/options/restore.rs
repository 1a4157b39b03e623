//! `nocturne restore`, as typed.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::CostArgs;
use super::connection::Connection;
use super::selection::SelectionArgs;
use super::size::Size;
use super::values::{ArchiveFormat, Jobs};
use crate::report::{LogFormat, ProgressMode};
use crate::restore::{CopyFormat, ForeignKeys, READ_AHEAD, ServerSetting, Tolerance};

/// `nocturne restore`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// Archive: a file, directory or URL; "-", the default, reads standard input
    ///
    /// A file is in pg_dump's custom or tar format, a directory in its directory format; nocturne
    /// detects which. An archive at an http:// or https:// URL is restored while it downloads, and
    /// is never written to disk.
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<PathBuf>,

    /// The target server.
    #[command(flatten)]
    pub connection: Connection,

    /// Targets other than an existing database.
    #[command(flatten)]
    pub place: TargetOptions,

    /// Which entries to restore.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// Object properties that are not restored.
    #[command(flatten)]
    pub properties: Properties,

    /// How to restore.
    #[command(flatten)]
    pub behaviour: Behaviour,

    /// Job timings from earlier runs.
    #[command(flatten)]
    pub costs: CostArgs,

    /// Logging and progress.
    #[command(flatten)]
    pub reporting: Reporting,

    /// Files with the results.
    #[command(flatten)]
    pub results: Results,
}

/// Targets other than a running server's existing database, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Target")]
pub struct TargetOptions {
    /// Write an SQL script to this file instead of connecting; "-" is standard output
    ///
    /// The script is that of pg_restore 18, without SET transaction_timeout if the dumped server
    /// was older than 17. A damaged archive's script ends at the damage, with a statement that the
    /// server rejects.
    #[arg(short = 'f', long, value_name = "FILENAME")]
    pub file: Option<PathBuf>,

    /// Use this \restrict key in the script of --file; the default is random
    #[arg(long, value_name = "RESTRICT_KEY")]
    pub restrict_key: Option<String>,

    /// Create the archive's database and restore into it
    ///
    /// --dbname is then used only for the first connection. With --clean, the database is dropped
    /// first.
    #[arg(short = 'C', long)]
    pub create: bool,

    /// Restore into a temporary server, started from this machine's PostgreSQL installation
    ///
    /// The server listens only on a private socket, and runs until interrupted, unless --exit is
    /// given.
    #[arg(long, conflicts_with_all = ["dbname", "file", "host", "port", "username", "password"])]
    pub embedded: bool,

    /// With --embedded: create the server's data directory here, and keep it
    #[arg(long, value_name = "DIR", requires = "embedded")]
    pub keep: Option<PathBuf>,

    /// With --embedded: stop the server after the restore
    #[arg(long, requires = "embedded")]
    pub exit: bool,

    /// With --embedded: run this query after the restore, and print the rows
    ///
    /// Rows go to standard output, with tabs between columns. If the query fails, the exit code is
    /// 1. With --exit, this tests a backup in one command.
    #[arg(long, value_name = "SQL", requires = "embedded", allow_hyphen_values = true)]
    pub query: Option<String>,
}

/// Object properties that are not restored, as typed.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Exclusions")]
pub struct Properties {
    /// Do not restore ownership: the connected role owns everything
    #[arg(short = 'O', long)]
    pub no_owner: bool,

    /// Do not restore table access methods: tables use the target's default
    #[arg(long)]
    pub no_table_access_method: bool,

    /// Do not restore tablespace assignments: everything uses the database's default
    #[arg(long)]
    pub no_tablespaces: bool,
}

/// How the restore works, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Behaviour")]
pub struct Behaviour {
    /// Number of parallel sessions, or auto, the default
    ///
    /// auto is the number of this machine's processors, at least 2 and at most 8; and 1 if the
    /// order must be kept: --single-transaction, --transaction-size, data without definitions, or a
    /// list file that changes the order.
    #[arg(short = 'j', long, value_name = "NUM|auto")]
    pub jobs: Option<Jobs>,

    /// Send rows to the server in this COPY format
    ///
    /// binary saves the server the parsing of text; values without an exact binary form are still
    /// sent as text. auto, the default, sends small tables as text.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "auto")]
    pub copy_format: CopyFormat,

    /// Split a large table among idle sessions if each gets at least this much
    ///
    /// SIZE counts the archive's compressed bytes, in kB, MB, GB or TB; 0 disables splitting. Only
    /// tables that this restore creates are split, only with more than one job, and only if no
    /// other work fills the time. The order of their rows is not kept. The default is 4 MB, or no
    /// splitting if server and client share one or two processors.
    #[arg(long, value_name = "SIZE")]
    pub split_size: Option<Size>,

    /// Read this much of a stream ahead, to load several of its tables in parallel
    ///
    /// A stream is standard input or a compressed file. SIZE counts the bytes as they arrive, in
    /// kB, MB, GB or TB; they stay in memory until a session loads them. A larger table is loaded
    /// as it arrives.
    #[arg(long, value_name = "SIZE", default_value_t = Size(READ_AHEAD))]
    pub read_ahead: Size,

    /// How to restore foreign keys
    ///
    /// not-valid adds them without checking existing rows, which is fast: new rows are checked, and
    /// VALIDATE CONSTRAINT can check the others later. none skips them.
    #[arg(long, value_name = "HOW", value_enum, default_value = "validated")]
    pub foreign_keys: ForeignKeys,

    /// Run ANALYZE on loaded tables for which the archive has no statistics
    #[arg(long)]
    pub analyze: bool,

    /// Set a server parameter in every session, such as maintenance_work_mem=1GB; repeatable
    ///
    /// Overrides the parameters that restore sets for speed; those that its result depends on
    /// cannot be set.
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub set: Vec<ServerSetting>,

    /// Drop the archive's objects from the target before restoring them
    #[arg(short = 'c', long)]
    pub clean: bool,

    /// With --clean: use DROP … IF EXISTS
    #[arg(long)]
    pub if_exists: bool,

    /// Stop at the first error; the default is to continue and count errors
    #[arg(short = 'e', long)]
    pub exit_on_error: bool,

    /// Keep a journal in the target, and resume from an existing one
    ///
    /// The first run records completed work in the schema nocturne. If it is interrupted, the same
    /// command resumes: completed work is skipped, partially loaded tables are loaded again. A
    /// restore without errors removes the journal. The archive, the selection and the target must
    /// be the same; --jobs may change.
    #[arg(long)]
    pub resume: bool,

    /// Restore in a single transaction; implies --exit-on-error and one job
    #[arg(short = '1', long)]
    pub single_transaction: bool,

    /// Commit after every N objects; implies --exit-on-error
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_147_483_647))]
    pub transaction_size: Option<u32>,

    /// Tolerate these server errors: comma-separated SQLSTATEs or names; repeatable
    ///
    /// Each is an SQLSTATE such as 42P07, or a name: already-exists (the object exists),
    /// missing-role (an owner or grantee does not exist), comment-on-extension (only an
    /// extension's owner may set its comment), comment-on-others (the same for any object). They
    /// are counted separately and do not change the exit code.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub tolerate: Vec<Tolerance>,

    /// Skip the data of tables that could not be created
    #[arg(long)]
    pub no_data_for_failed_tables: bool,

    /// With --data-only: disable triggers on tables while loading them
    #[arg(long)]
    pub disable_triggers: bool,

    /// Enable row security while loading; by default it is off, so that no row is filtered out
    #[arg(long)]
    pub enable_row_security: bool,

    /// Use SET SESSION AUTHORIZATION instead of ALTER … OWNER TO to set owners
    #[arg(long)]
    pub use_set_session_authorization: bool,

    /// Require this archive format: c (custom), d (directory) or t (tar)
    #[arg(short = 'F', long, value_name = "c|d|t")]
    pub format: Option<ArchiveFormat>,

    /// Compare the data with this digest file, written by verify --write-digests
    #[arg(long, value_name = "FILE")]
    pub digests: Option<PathBuf>,

    /// Print the archive's table of contents and exit, as the list command does
    #[arg(short = 'l', long)]
    pub list: bool,

    /// Ignored, as in pg_restore
    #[arg(short = 'R', long, hide_short_help = true)]
    pub no_reconnect: bool,
}

/// Logging and progress, as typed.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Output")]
pub struct Reporting {
    /// Verbose output; twice also logs the SQL sent
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Print only warnings and errors
    #[arg(short = 'q', long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Format of log lines and summary on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// Progress display on standard error
    #[arg(long, value_name = "HOW", value_enum, default_value = "auto")]
    pub progress: ProgressMode,
}

/// Files with a restore's results, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Output")]
pub struct Results {
    /// Also write the summary to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,

    /// Write a timeline of the sessions to this file, as HTML or, for a .json name, JSON
    ///
    /// The page is self-contained. A name that ends in .json gets the raw spans, for tools. The
    /// file is written at the end of the restore, even a failed one.
    #[arg(long, value_name = "FILE")]
    pub timeline: Option<PathBuf>,
}
