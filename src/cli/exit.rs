//! How the program ends.

use std::path::Path;
use std::process::ExitCode;

use crate::restore;
use crate::restore::chain;
use crate::restore::journal::JournalError;

/// All well.
pub const SUCCESS: u8 = 0;
/// Entries failed, or the restore had to stop; what is in the database is told.
pub const ERRORS: u8 = 1;
/// The command line makes no sense.
pub const USAGE: u8 = 2;
/// The archive cannot be read.
pub const ARCHIVE: u8 = 3;
/// No connection to the target.
pub const CONNECT: u8 = 4;
/// Stopped by a signal (128 + SIGINT).
pub const INTERRUPTED: u8 = 130;

/// Why a command failed: what to say, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// One line for people; empty if all has been said.
    pub message: String,
}

impl Failure {
    /// A failure with a message.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A failure that has been told already.
    #[must_use]
    pub fn told(code: u8) -> Self {
        Self::new(code, "")
    }

    /// Tells the failure as a log line, for a log that a program reads.
    #[must_use]
    pub fn logged(self) -> Self {
        if !self.message.is_empty() {
            tracing::error!(exit_code = self.code, "{}", self.message);
        }
        Self::told(self.code)
    }

    /// An error and its sources, as a failure.
    pub fn of(code: u8, error: &dyn std::error::Error) -> Self {
        Self::new(code, chain(error))
    }
}

/// For an output file: what to tell about an error.
pub(super) fn unwritable(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new(ERRORS, format!("cannot write {}: {error}", path.display()))
}

impl From<crate::archive::Error> for Failure {
    fn from(error: crate::archive::Error) -> Self {
        Self::of(ARCHIVE, &error)
    }
}

impl From<restore::Error> for Failure {
    fn from(error: restore::Error) -> Self {
        let code = match &error {
            restore::Error::Archive(_)
            | restore::Error::Stream(_)
            | restore::Error::Journal(JournalError::Archive(_)) => ARCHIVE,
            restore::Error::Connect(_) => CONNECT,
            restore::Error::Journal(JournalError::Cannot(_)) => USAGE,
            restore::Error::Interrupted => INTERRUPTED,
            _ => ERRORS,
        };
        Self::of(code, &error)
    }
}

/// What a command returns.
pub type Outcome = Result<(), Failure>;

/// The exit code of the command's outcome. Prints on standard error what went wrong.
pub(super) fn code(outcome: Outcome, command: &str) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::from(SUCCESS),
        Err(failure) => {
            if !failure.message.is_empty() {
                super::say(&format!("nocturne: {}", failure.message));
                if failure.code == USAGE {
                    super::say(&format!("Try \"nocturne {command} --help\" for more information."));
                }
            }
            ExitCode::from(failure.code)
        }
    }
}
