//! The commands of the nightly run, as typed. Most of their options override an environment
//! variable: see [`TypedSettings`].

use std::path::PathBuf;

use clap::{ArgAction, Args};

#[cfg(feature = "web")]
use super::settings::ForWeb;
use super::settings::{
    ForDropObjects, ForEnrich, ForFetchBackup, ForIncremental, ForRun, ForWorker, TypedSettings,
};
use super::table_key::TableKey;
use crate::replicate::config::TablePattern;
use crate::report::Verbosity;

/// How much a command of the night logs, as typed.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NightLog {
    /// Verbose output; twice also logs the SQL sent
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Print only warnings and errors
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
}

impl NightLog {
    pub(crate) fn verbosity(self) -> Verbosity {
        Verbosity::from_flags(self.quiet, self.verbose)
    }
}

/// `nocturne fetch-backup`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct FetchBackup {
    /// Write to this file or folder, "-" for standard output; the default is the backup's name
    ///
    /// In a folder, the file gets the backup's name. Until complete it is called NAME.part, from
    /// which the next attempt resumes. An existing file is replaced once the new one is complete
    /// and verified.
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// Read the API token from this file instead of SCALINGO_API_TOKEN
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub api_token_file: Option<PathBuf>,

    /// Verbose output
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Print only warnings and errors
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// The options that override variables.
    #[command(flatten)]
    pub settings: TypedSettings<ForFetchBackup>,
}

/// `nocturne incremental`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Incremental {
    /// Copy this table by this key column, id by default; repeatable
    ///
    /// Spelled as in BACKUP_MODE. Without --table, copies the incremental tables of BACKUP_MODE.
    #[arg(short = 't', long, value_name = "NAME[:KEY]")]
    pub table: Vec<TableKey>,

    /// How much is logged.
    #[command(flatten)]
    pub log: NightLog,

    /// The options that override variables.
    #[command(flatten)]
    pub settings: TypedSettings<ForIncremental>,
}

/// `nocturne run`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct RunArgs {
    /// Print the settings and the night's plan without changing anything
    ///
    /// Queries the host for the backup, connects to the databases, compares incremental tables and
    /// checks privileges. Exits with code 1 if the night would fail.
    #[arg(long)]
    pub dry_run: bool,

    /// How much is logged.
    #[command(flatten)]
    pub log: NightLog,

    /// The options that override variables.
    #[command(flatten)]
    pub settings: TypedSettings<ForRun>,
}

/// `nocturne worker`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Print the settings, the next five runs and the night's plan without changing anything
    ///
    /// Queries the host for the backup, connects to the databases, compares incremental tables and
    /// checks privileges. Exits with code 1 if the night would fail.
    #[arg(long)]
    pub dry_run: bool,

    /// How much is logged.
    #[command(flatten)]
    pub log: NightLog,

    /// The options that override variables.
    #[command(flatten)]
    pub settings: TypedSettings<ForWorker>,
}

/// `nocturne web`, as typed.
#[cfg(feature = "web")]
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Verbose output; twice for debugging
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Print only warnings and errors
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// The options that override variables.
    #[command(flatten)]
    pub settings: TypedSettings<ForWeb>,
}

/// `nocturne drop-objects`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct DropObjects {
    /// Keep this table, its rows, and all that it depends on; repeatable
    ///
    /// Spelled as in BACKUP_MODE: the default schema is public, * matches any characters. Tables
    /// that BACKUP_MODE makes incremental are always kept.
    #[arg(long, value_name = "TABLE", value_parser = TablePattern::parse)]
    pub keep: Vec<TablePattern>,

    /// Print the statements without running them
    #[arg(long)]
    pub dry_run: bool,

    /// Log each dropped object; twice also logs the SQL sent
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Print only warnings and errors
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// The options that override variables.
    #[command(flatten)]
    pub settings: TypedSettings<ForDropObjects>,
}

/// `nocturne enrich`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Enrich {
    /// How much is logged.
    #[command(flatten)]
    pub log: NightLog,

    /// The options that override variables.
    #[command(flatten)]
    pub settings: TypedSettings<ForEnrich>,
}
