//! The command line.
//!
//! First the options as typed, without validation:
//! - [`args`]: the commands and their options, with the help texts.
//! - [`selection`]: the options that select entries, shared by several commands.
//! - [`connection`]: the connection options.
//! - [`settings`]: the options that override environment variables.
//! - [`values`] and [`table_key`]: the values that options accept.
//! - `secrets`: the values that are never shown again.
//!
//! `command_line` parses them.
//!
//! Then one file per command, which turns options into settings, calls the core and reports the
//! result. Nothing else in the program reads the command line or the variables of a night. Other
//! modules read only what describes the machine: `NO_COLOR`, `RUST_LOG`, `PATH`, the temporary
//! folder.

pub mod args;
mod choose;
mod command_line;
mod compare;
mod completions;
pub mod connection;
mod costs;
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
mod local_time;
mod plan;
#[cfg(feature = "replicate")]
mod report;
mod restore;
#[cfg(feature = "replicate")]
mod run;
mod script;
mod secrets;
pub mod selection;
#[cfg(feature = "replicate")]
pub mod settings;
pub mod size;
#[cfg(feature = "replicate")]
pub mod table_key;
mod threads;
pub mod values;
mod verify;
#[cfg(feature = "web")]
mod web;
#[cfg(feature = "replicate")]
mod worker;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use args::CliCommand;
use exit::{CommandFailure, USAGE};

use crate::report::Screen;
use crate::shown;
use crate::source::Input;

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
        CliCommand::Completions { shell } => list::write(None, &completions::script(shell)),
    };
    exit::code(outcome, &command)
}

/// The archive named by an argument.
fn input(argument: Option<&Path>) -> Result<Input, CommandFailure> {
    match argument {
        Some(argument) => {
            Input::from_argument(argument).map_err(|error| {
                match CommandFailure::of(USAGE, &error) {
                    failure if cfg!(feature = "http") => failure,
                    failure => failure
                        .with_hint("build with --features http, or pipe the archive into nocturne"),
                }
            })
        }
        None if std::io::stdin().is_terminal() => {
            Err(CommandFailure::new(USAGE, "no archive given (use \"-\" for standard input)"))
        }
        None => Ok(Input::Stdin),
    }
}

/// Prints lines on standard error while no progress is shown there.
fn say(lines: &str) {
    Screen::plain().write(&format!("{lines}\n"));
}

/// An environment variable's value, if set and not empty.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
