//! The command line.
//!
//! `command_line` parses it into [`options`], as typed, without validation. One file per command
//! turns them into settings, calls the core and reports the result, with what is `shared`. Nothing
//! else in the program reads the command line or the variables of a night. Other modules read only
//! what describes the machine: `NO_COLOR`, `RUST_LOG`, `PATH`, the temporary folder.

mod command_line;
mod compare;
mod completions;
#[cfg(feature = "replicate")]
mod drop_objects;
mod embedded;
#[cfg(feature = "replicate")]
mod enrich;
pub mod exit;
#[cfg(feature = "replicate")]
mod fetch_backup;
#[cfg(feature = "replicate")]
mod incremental;
mod list;
pub mod options;
mod plan;
#[cfg(feature = "replicate")]
mod report;
mod restore;
#[cfg(feature = "replicate")]
mod run;
mod script;
mod shared;
mod sync;
mod verify;
#[cfg(feature = "web")]
mod web;
#[cfg(feature = "replicate")]
mod worker;

use std::process::ExitCode;

use exit::USAGE;
use options::{CliCommand, secrets};
use shared::{output, say};

use crate::shown;

/// The whole program: reads the command line, runs the command, returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    secrets::conceal(&words);
    let (cli, command) = match command_line::parse(words) {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => {
            // The message quotes the command line.
            let text = error.to_string();
            match shown::lines(&text) {
                harmless if harmless == text => drop(error.print()),
                harmless => say(harmless.trim_end()),
            }
            return ExitCode::from(USAGE);
        }
        // Help and version are not errors; clap prints each to the right stream.
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let outcome = match cli.command {
        CliCommand::Restore(typed) => restore::run(&typed),
        CliCommand::Sync(typed) => sync::run(&typed),
        CliCommand::List(typed) => list::run(&typed),
        CliCommand::Plan(typed) => plan::run(&typed),
        CliCommand::Verify(typed) => verify::run(&typed),
        #[cfg(feature = "replicate")]
        CliCommand::FetchBackup(typed) => fetch_backup::run(&typed),
        #[cfg(feature = "replicate")]
        CliCommand::Incremental(typed) => incremental::run(&typed),
        #[cfg(feature = "replicate")]
        CliCommand::Run(typed) => run::run(&typed),
        #[cfg(feature = "replicate")]
        CliCommand::Worker(typed) => worker::run(&typed),
        #[cfg(feature = "web")]
        CliCommand::Web(typed) => web::run(&typed),
        #[cfg(feature = "replicate")]
        CliCommand::DropObjects(typed) => drop_objects::run(&typed),
        #[cfg(feature = "replicate")]
        CliCommand::Enrich(typed) => enrich::run(&typed),
        #[cfg(feature = "replicate")]
        CliCommand::Report(typed) => report::run(&typed),
        CliCommand::Completions { shell } => output::write(None, &completions::script(shell)),
    };
    exit::code(outcome, &command)
}
