//! The commands of the nightly run, as typed. Most of their options stand above a variable of the
//! environment: see [`Settings`].

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::super::settings::{
    ForDropObjects, ForEnrich, ForFetchBackup, ForIncremental, ForRun, ForWeb, ForWorker, Settings,
};
use super::super::table_key::TableKey;
use crate::replicate::config::TablePattern;

/// `nocturne fetch-backup`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct FetchBackup {
    /// The file to write, or "-" for standard output; the backup's own name when not given
    ///
    /// In a folder, the file gets the backup's own name. While it is not whole it is called
    /// NAME.part; the next try goes on with that. A file of that name is replaced once the new one is
    /// whole and verified.
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// Read the API token from this file instead of SCALINGO_API_TOKEN
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub api_token_file: Option<PathBuf>,

    /// Tell more
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Tell only what goes wrong
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// What stands above the environment.
    #[command(flatten)]
    pub settings: Settings<ForFetchBackup>,
}

/// `nocturne incremental`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Incremental {
    /// Copy this table, by this column if it is not id; may be given several times
    ///
    /// Written as in BACKUP_MODE, whose tables are copied when none is given here.
    #[arg(short = 't', long, value_name = "NAME[:KEY]")]
    pub table: Vec<TableKey>,

    /// Tell more; twice, tell what is said to the servers too
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Tell only what goes wrong
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// What stands above the environment.
    #[command(flatten)]
    pub settings: Settings<ForIncremental>,
}

/// `nocturne run`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Print the settings and the plan of the night, and change nothing
    ///
    /// Asks the host for the backup, connects to the databases, compares incremental tables and looks
    /// at rights. Exits with code 1 if the night would fail.
    #[arg(long)]
    pub dry_run: bool,

    /// Tell more; twice, tell what is said to the server too
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Tell only what goes wrong
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// What stands above the environment.
    #[command(flatten)]
    pub settings: Settings<ForRun>,
}

/// `nocturne worker`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Print the settings, the next five runs and the plan of the night, and change nothing
    ///
    /// Asks the host for the backup, connects to the databases, compares incremental tables and looks
    /// at rights. Exits with code 1 if the night would fail.
    #[arg(long)]
    pub dry_run: bool,

    /// Tell more; twice, tell what is said to the server too
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Tell only what goes wrong
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// What stands above the environment.
    #[command(flatten)]
    pub settings: Settings<ForWorker>,
}

/// `nocturne web`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Tell more; twice, tell every detail
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Tell only what goes wrong
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// What stands above the environment.
    #[command(flatten)]
    pub settings: Settings<ForWeb>,
}

/// `nocturne drop-objects`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct DropObjects {
    /// Keep this table, with its rows and all that it needs
    ///
    /// Written as in BACKUP_MODE: the schema is public when there is none, * stands for any
    /// characters. May be given several times. Tables that BACKUP_MODE says are incremental are
    /// kept anyhow.
    #[arg(long, value_name = "TABLE", value_parser = TablePattern::parse)]
    pub keep: Vec<TablePattern>,

    /// Print the statements, and run none
    #[arg(long)]
    pub dry_run: bool,

    /// Tell each object; twice, tell what is said to the server too
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Tell only what goes wrong
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// What stands above the environment.
    #[command(flatten)]
    pub settings: Settings<ForDropObjects>,
}

/// `nocturne enrich`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Enrich {
    /// Tell more; twice, tell what is said to the server too
    #[arg(short = 'v', long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,

    /// Tell only what goes wrong
    #[arg(short = 'q', long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,

    /// What stands above the environment.
    #[command(flatten)]
    pub settings: Settings<ForEnrich>,
}
