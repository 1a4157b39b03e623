//! What a command reads: the archive, and files that options name.

use std::io::IsTerminal;
use std::path::Path;

use crate::archive::digests::Digests;
use crate::cli::exit::{CommandFailure, USAGE};
use crate::source::Input;

/// The archive named by an argument.
pub(crate) fn input(argument: Option<&Path>) -> Result<Input, CommandFailure> {
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

/// Reads a file written by `--write-digests`.
pub(crate) fn read_digests(path: &Path) -> Result<Digests, CommandFailure> {
    Digests::parse(&read_text(path)?)
        .map_err(|error| CommandFailure::new(USAGE, format!("{}: {error}", path.display())))
}

/// Reads a small file.
pub(crate) fn read_text(path: &Path) -> Result<String, CommandFailure> {
    std::fs::read_to_string(path).map_err(|error| {
        CommandFailure::new(USAGE, format!("cannot read {}: {error}", path.display()))
    })
}
