//! The commands and their options, exactly as typed: nothing here validates or fills in defaults.
//!
//! `restore` accepts every option of pg_restore, with its letters and meanings (`usage` and the
//! `getopt_long` call in `pg_restore.c`), so that a script needs only the new program name. The doc
//! comments of the fields are the help text. The caller reads the environment, never this module:
//! an unset option stays unset.

pub mod connection;
mod help;
#[cfg(feature = "replicate")]
mod night;
mod plan;
mod restore;
pub(crate) mod secrets;
pub mod selection;
#[cfg(feature = "replicate")]
pub mod settings;
pub mod size;
pub(crate) mod sync;
#[cfg(feature = "replicate")]
pub mod table_key;
#[cfg(test)]
mod tests;
pub mod values;

use std::path::PathBuf;

#[cfg(feature = "replicate")]
use chrono::NaiveDate;
use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;

#[cfg(feature = "replicate")]
use crate::replicate::run_report::Lang;
use connection::ComparedDatabase;
use selection::SelectionArgs;
#[cfg(feature = "replicate")]
use values::ReportFormat;
use values::{Jobs, OutputFormat};

#[cfg(feature = "web")]
pub use night::Web;
#[cfg(feature = "replicate")]
pub use night::{DropObjects, Enrich, FetchBackup, Incremental, RunArgs, Worker};
pub use plan::{AsIf, CostArgs, NotAsIf, PlanArgs, PlanFormat};
pub use restore::{Behaviour, Properties, Reporting, Restore, Results, TargetOptions};
pub use sync::{Changes, Sync};

/// The whole command line.
#[derive(Parser, Clone, Debug, PartialEq, Eq)]
#[command(
    name = "nocturne",
    version,
    about = "Restores PostgreSQL archives, natively",
    long_about = help::ABOUT,
    after_long_help = help::EPILOGUE,
    after_help = help::SEE_LONG_HELP,
    propagate_version = true,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    max_term_width = 100,
)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: CliCommand,

    /// Print help: a summary for -? (or -h, if that is not --host), details for --help
    #[arg(short = '?', long, action = ArgAction::Help, global = true, help_heading = "Other")]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, global = true, help_heading = "Other")]
    version: Option<bool>,
}

/// The command to run.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum CliCommand {
    /// Restore an archive into a database, or write it as an SQL script
    #[command(
        long_about = help::RESTORE,
        after_long_help = help::RESTORE_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Restore(Box<Restore>),

    /// Make a database equal to an archive, changing only what differs
    #[command(
        long_about = help::SYNC,
        after_long_help = help::SYNC_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Sync(Box<Sync>),

    /// Print an archive's table of contents
    #[command(
        long_about = help::LIST,
        after_long_help = help::LIST_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    List(Box<List>),

    /// Print a restore's plan and predict its duration, without a server
    #[command(
        long_about = help::PLAN,
        after_long_help = help::PLAN_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Plan(Box<PlanArgs>),

    /// Check that an archive is intact, or compare its data with a database
    #[command(
        long_about = help::VERIFY,
        after_long_help = help::VERIFY_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Verify(Box<Verify>),

    /// Download the backup that a nightly run would restore
    #[cfg(feature = "replicate")]
    #[command(
        long_about = help::FETCH_BACKUP,
        after_long_help = help::FETCH_BACKUP_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    FetchBackup(Box<FetchBackup>),

    /// Copy new rows of append-only tables from the source database
    #[cfg(feature = "replicate")]
    #[command(
        long_about = help::INCREMENTAL,
        after_long_help = help::INCREMENTAL_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Incremental(Box<Incremental>),

    /// Run one night now: restore the backup, enrich, copy incremental tables
    #[cfg(feature = "replicate")]
    #[command(
        long_about = help::RUN,
        after_long_help = help::RUN_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Run(Box<RunArgs>),

    /// Run nightly on a schedule
    #[cfg(feature = "replicate")]
    #[command(
        long_about = help::WORKER,
        after_long_help = help::WORKER_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Worker(Box<Worker>),

    /// Serve the status page and metrics on $PORT
    #[cfg(feature = "web")]
    #[command(
        long_about = help::WEB,
        after_long_help = help::WEB_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Web(Box<Web>),

    /// Drop everything that the role owns in the target, except kept tables
    #[cfg(feature = "replicate")]
    #[command(
        long_about = help::DROP_OBJECTS,
        after_long_help = help::DROP_OBJECTS_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    DropObjects(Box<DropObjects>),

    /// Run a folder of SQL files that add the warehouse's own indexes and views
    #[cfg(feature = "replicate")]
    #[command(
        long_about = help::ENRICH,
        after_long_help = help::ENRICH_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Enrich(Box<Enrich>),

    /// Summarize the logs of nightly runs
    #[cfg(feature = "replicate")]
    #[command(
        long_about = help::REPORT,
        after_long_help = help::REPORT_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Report(Box<Report>),

    /// Print a completion script for a shell
    Completions {
        /// Shell to generate the script for
        #[arg(value_enum)]
        shell: Shell,
    },
}
/// `nocturne list`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Archive: a file, directory or URL; "-", the default, reads standard input
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<PathBuf>,

    /// Which entries to read.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// Include the entries that only restore --create uses
    #[arg(short = 'C', long, help_heading = "Selection")]
    pub create: bool,

    /// Output format
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Output"
    )]
    pub format: OutputFormat,

    /// Write to this file instead of standard output
    #[arg(short = 'f', long, value_name = "FILENAME", help_heading = "Output")]
    pub file: Option<PathBuf>,

    /// Show every entry and its dependencies
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
}

/// `nocturne verify`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// Archive: a file, directory or URL; "-", the default, reads standard input
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<PathBuf>,

    /// Which entries to read.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// The database to compare with, if any.
    #[command(flatten)]
    pub database: ComparedDatabase,

    /// Number of parallel reader threads, or auto, the default
    ///
    /// With --dbname, the same number of sessions reads the database.
    #[arg(short = 'j', long, value_name = "NUM|auto", help_heading = "Behaviour")]
    pub jobs: Option<Jobs>,

    /// Compare the data with this digest file
    #[arg(long, value_name = "FILE", help_heading = "Behaviour")]
    pub digests: Option<PathBuf>,

    /// Write a digest of every entry's data to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub write_digests: Option<PathBuf>,

    /// Format of the result on standard output
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Output"
    )]
    pub format: OutputFormat,

    /// Logging and progress.
    #[command(flatten)]
    pub reporting: Reporting,
}

/// `nocturne report`, as typed.
#[cfg(feature = "replicate")]
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Log file, optionally gzip-compressed; "-", the default, reads standard input
    #[arg(value_name = "LOGS")]
    pub logs: Option<PathBuf>,

    /// Report only runs that started on this day, in the log's time zone
    #[arg(long, value_name = "YYYY-MM-DD", help_heading = "Selection")]
    pub date: Option<NaiveDate>,

    /// Output format
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Output"
    )]
    pub format: ReportFormat,

    /// Language of the text; the default is French for a French locale, otherwise English
    #[arg(long, value_name = "LANG", value_enum, help_heading = "Output")]
    pub lang: Option<Lang>,

    /// Write to this file instead of standard output
    #[arg(short = 'f', long, value_name = "FILENAME", help_heading = "Output")]
    pub file: Option<PathBuf>,
}
