//! The commands and their options, exactly as typed: nothing here judges or fills in.
//!
//! `restore` takes every option of pg_restore with its letters and meanings (`usage` and the
//! `getopt_long` call in `pg_restore.c`), so that a script works when the program's name is
//! changed. The doc comments of the fields are the text of the help. The environment is read by
//! the caller, never here: an unset option stays unset.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;

use super::connection::ComparedDatabase;
use super::selection::Selection;
use super::values::{Jobs, OutputFormat, ReportFormat};
use crate::report::nights::Lang;

mod help;
mod night;
mod plan;
mod restore;
#[cfg(test)]
mod tests;

pub use night::{DropObjects, Enrich, FetchBackup, Incremental, Run, Web, Worker};
pub use plan::{AsIf, Costs, NotAsIf, Plan, PlanFormat};
pub use restore::{Behaviour, Place, Properties, Reporting, Restore, Results};

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
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Print help: -? (or -h, where that is not the host) in short, --help in full
    #[arg(short = '?', long, action = ArgAction::Help, global = true, help_heading = "Other")]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, global = true, help_heading = "Other")]
    version: Option<bool>,
}

/// What to do.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Restore an archive into a database, or write it as an SQL script
    #[command(
        long_about = help::RESTORE,
        after_long_help = help::RESTORE_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Restore(Box<Restore>),

    /// Print what is in an archive
    #[command(
        long_about = help::LIST,
        after_long_help = help::LIST_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    List(Box<List>),

    /// Print what a restore would do, in which order, and how long it would take; no server is needed
    #[command(
        long_about = help::PLAN,
        after_long_help = help::PLAN_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Plan(Box<Plan>),

    /// Read an archive from end to end and say whether all of it is sound, or equal to a database
    #[command(
        long_about = help::VERIFY,
        after_long_help = help::VERIFY_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Verify(Box<Verify>),

    /// Find the backup that a nightly run would restore, and download it into a file
    #[command(
        long_about = help::FETCH_BACKUP,
        after_long_help = help::FETCH_BACKUP_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    FetchBackup(Box<FetchBackup>),

    /// Copy the new rows of append-only tables from the source database
    #[command(
        long_about = help::INCREMENTAL,
        after_long_help = help::INCREMENTAL_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Incremental(Box<Incremental>),

    /// Do a whole night now: the backup into the warehouse, enrichment, incremental copy
    #[command(
        long_about = help::RUN,
        after_long_help = help::RUN_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Run(Box<Run>),

    /// Start a nightly run at each time of a schedule
    #[command(
        long_about = help::WORKER,
        after_long_help = help::WORKER_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Worker(Box<Worker>),

    /// Answer on $PORT: health, and a page of the last and the next runs
    #[command(
        long_about = help::WEB,
        after_long_help = help::WEB_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Web(Box<Web>),

    /// Drop everything that the role owns in the target, but for tables that are kept
    #[command(
        long_about = help::DROP_OBJECTS,
        after_long_help = help::DROP_OBJECTS_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    DropObjects(Box<DropObjects>),

    /// Run a folder of SQL files: indexes and views of the warehouse's own
    #[command(
        long_about = help::ENRICH,
        after_long_help = help::ENRICH_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Enrich(Box<Enrich>),

    /// Read the logs of nightly runs: how long each part took, and which entries were slow
    #[command(
        long_about = help::REPORT,
        after_long_help = help::REPORT_EPILOGUE,
        after_help = help::SEE_LONG_HELP,
    )]
    Report(Box<Report>),

    /// Print a completion script for a shell
    Completions {
        /// The shell that is to run the script
        #[arg(value_enum)]
        shell: Shell,
    },
}
/// `nocturne list`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The archive: a file, a directory, a URL, or "-" for standard input, which is the default
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<PathBuf>,

    /// Which entries.
    #[command(flatten)]
    pub selection: Selection,

    /// The entries that only restore --create would use, too
    #[arg(short = 'C', long, help_heading = "Selection")]
    pub create: bool,

    /// Text, which --use-list reads back, or JSON
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

    /// Show every entry, and on which others each depends
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
}

/// `nocturne verify`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// The archive: a file, a directory, a URL, or "-" for standard input, which is the default
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<PathBuf>,

    /// Which entries.
    #[command(flatten)]
    pub selection: Selection,

    /// Which database to compare with, if with any.
    #[command(flatten)]
    pub database: ComparedDatabase,

    /// How many threads read side by side: a number, or auto, which is the default
    ///
    /// With --dbname, as many sessions read the database.
    #[arg(short = 'j', long, value_name = "NUM|auto", help_heading = "Behaviour")]
    pub jobs: Option<Jobs>,

    /// Compare the data with the digests in this file
    #[arg(long, value_name = "FILE", help_heading = "Behaviour")]
    pub digests: Option<PathBuf>,

    /// Write a digest of every entry's data to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub write_digests: Option<PathBuf>,

    /// How the result is written on standard output
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Output"
    )]
    pub format: OutputFormat,

    /// What is told meanwhile.
    #[command(flatten)]
    pub reporting: Reporting,
}

/// `nocturne report`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The log: a file, compressed by gzip or not, or "-" for standard input, which is the default
    #[arg(value_name = "LOGS")]
    pub logs: Option<PathBuf>,

    /// Only runs that began on this day, in the log's own time zone
    #[arg(long, value_name = "YYYY-MM-DD", help_heading = "Selection")]
    pub date: Option<NaiveDate>,

    /// Text, JSON with everything that the log tells, or a page with a timeline
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Output"
    )]
    pub format: ReportFormat,

    /// The language of the text; the default is French where the locale is French, else English
    #[arg(long, value_name = "LANG", value_enum, help_heading = "Output")]
    pub lang: Option<Lang>,

    /// Write to this file instead of standard output
    #[arg(short = 'f', long, value_name = "FILENAME", help_heading = "Output")]
    pub file: Option<PathBuf>,
}
