//! The command line.
//!
//! First what was typed, without judgement:
//! - [`args`]: the commands and their options, with the text of the help.
//! - [`selection`]: the options that choose entries, shared by the commands.
//! - [`connection`]: the options that say where the target is.
//! - [`settings`]: the options that stand above variables of the environment.
//! - [`values`] and [`table_key`]: the words that options take.
//! - `secrets`: those of them that are not shown again.
//!
//! `command_line` parses them.
//!
//! Then one file for each command, which makes settings of it, calls the core and tells the result.
//! Nothing else in the program reads the command line or the variables of a night. Of the environment
//! others read what is about the machine: `NO_COLOR`, `RUST_LOG`, `PATH`, the folder of temporary files.

pub mod args;
mod choose;
mod command_line;
mod compare;
mod completions;
pub mod connection;
mod costs;
mod drop_objects;
mod embedded;
mod enrich;
pub mod exit;
mod fetch_backup;
mod incremental;
mod list;
mod local_time;
mod plan;
mod report;
mod restore;
mod run;
mod script;
mod secrets;
pub mod selection;
pub mod settings;
pub mod size;
pub mod table_key;
mod threads;
pub mod values;
mod verify;
mod web;
mod worker;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use args::Command;
use exit::{Failure, USAGE};

use crate::report::Screen;
use crate::shown;
use crate::source::Input;

/// The whole program: reads the command line, runs the command, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    secrets::conceal(&words);
    let (cli, command) = match command_line::parse(words) {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => {
            // It repeats what was typed.
            let text = error.to_string();
            match shown::lines(&text) {
                harmless if harmless == text => drop(error.print()),
                harmless => say(harmless.trim_end()),
            }
            return ExitCode::from(USAGE);
        }
        // Help and version are no errors; clap knows where each goes.
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let outcome = match cli.command {
        Command::Restore(typed) => restore::run(&typed),
        Command::List(typed) => list::run(&typed),
        Command::Plan(typed) => plan::run(&typed),
        Command::Verify(typed) => verify::run(&typed),
        Command::FetchBackup(typed) => fetch_backup::run(&typed),
        Command::Incremental(typed) => incremental::run(&typed),
        Command::Run(typed) => run::run(&typed),
        Command::Worker(typed) => worker::run(&typed),
        Command::Web(typed) => web::run(&typed),
        Command::DropObjects(typed) => drop_objects::run(&typed),
        Command::Enrich(typed) => enrich::run(&typed),
        Command::Report(typed) => report::run(&typed),
        Command::Completions { shell } => list::write(None, &completions::script(shell)),
    };
    exit::code(outcome, &command)
}

/// The archive that an argument names.
fn input(argument: Option<&Path>) -> Result<Input, Failure> {
    match argument {
        Some(argument) => {
            Input::from_argument(argument).map_err(|error| Failure::of(USAGE, &error))
        }
        None if std::io::stdin().is_terminal() => {
            Err(Failure::new(USAGE, "no archive given (\"-\" is standard input)"))
        }
        None => Ok(Input::Stdin),
    }
}

/// Lines on standard error, for when nothing else is shown there.
fn say(lines: &str) {
    Screen::plain().write(&format!("{lines}\n"));
}

/// A variable of the environment that is set and not empty.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
