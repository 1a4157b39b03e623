//! Exit codes, and how failures are reported.

use std::process::ExitCode;

use crate::error::{chain, hint};
use crate::restore::journal::JournalError;
use crate::restore::{self, RestoreError};
use crate::shown::one_line;
use crate::sync::SyncError;

/// Success.
pub const SUCCESS: u8 = 0;
/// Entries failed, or the restore had to stop; the output reports what is in the database.
pub const ERRORS: u8 = 1;
/// Invalid command line.
pub const USAGE: u8 = 2;
/// The archive cannot be read.
pub const ARCHIVE: u8 = 3;
/// No connection to the target.
pub const CONNECT: u8 = 4;
/// Stopped by a signal (128 + SIGINT).
pub const INTERRUPTED: u8 = 130;

/// Why a command failed: the message and the exit code.
#[derive(Debug)]
pub struct CommandFailure {
    /// The exit code.
    pub code: u8,
    /// One line for the user; empty if the failure was already reported.
    message: String,
    /// Further lines below the message.
    details: Vec<String>,
    /// The next step for the user.
    hint: Option<String>,
}

impl CommandFailure {
    /// A failure with a message. Line breaks in names within it do not start new lines.
    pub fn new(code: u8, message: impl AsRef<str>) -> Self {
        let message = one_line(message.as_ref());
        Self { code, message, details: Vec::new(), hint: None }
    }

    /// Adds lines below the message.
    #[must_use]
    pub fn with_details(mut self, lines: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.details = lines.into_iter().map(|line| one_line(line.as_ref())).collect();
        self
    }

    /// Adds a hint, unless there is one.
    #[must_use]
    pub fn with_hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint.get_or_insert_with(|| one_line(hint.as_ref()));
        self
    }

    /// A failure that was already reported.
    #[must_use]
    pub fn told(code: u8) -> Self {
        Self::new(code, "")
    }

    /// Logs the failure, for a machine-readable log.
    #[must_use]
    pub fn logged(self) -> Self {
        if !self.message.is_empty() {
            let details = (!self.details.is_empty()).then(|| self.details.join("\n"));
            tracing::error!(
                exit_code = self.code,
                details,
                hint = self.hint.as_deref(),
                "{}",
                self.message
            );
        }
        Self::told(self.code)
    }

    /// An error and its sources as a failure, with a hint if one is known.
    pub fn of(code: u8, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { hint: hint(error), ..Self::new(code, chain(error)) }
    }
}

impl From<crate::archive::ArchiveError> for CommandFailure {
    fn from(error: crate::archive::ArchiveError) -> Self {
        Self::of(ARCHIVE, &error)
    }
}

impl From<restore::RestoreError> for CommandFailure {
    fn from(error: restore::RestoreError) -> Self {
        let code = match &error {
            restore::RestoreError::Archive(_)
            | restore::RestoreError::Stream(_)
            | restore::RestoreError::Journal(JournalError::Archive(_)) => ARCHIVE,
            restore::RestoreError::Connect(_) => CONNECT,
            restore::RestoreError::Journal(JournalError::Cannot(_)) => USAGE,
            restore::RestoreError::Interrupted => INTERRUPTED,
            _ => ERRORS,
        };
        Self::of(code, &error)
    }
}

impl From<SyncError> for CommandFailure {
    fn from(error: SyncError) -> Self {
        let (code, hint) = match error {
            SyncError::Restore(RestoreError::Interrupted) => {
                (INTERRUPTED, "run the same command again: it restores everything")
            }
            SyncError::Restore(error) => return error.into(),
            SyncError::Interrupted => {
                (INTERRUPTED, "nothing was changed: run the same command again")
            }
            SyncError::Connect(_) => return Self::of(CONNECT, &error),
            SyncError::Archive(_) => return Self::of(ARCHIVE, &error),
            SyncError::NoManifest => {
                (ERRORS, "--adopt compares them by reading; --from-scratch replaces them")
            }
            SyncError::NeedsFull(_) => (
                ERRORS,
                "nothing was changed: run nocturne sync with the archive as a file, without --no-full",
            ),
            _ => return Self::of(ERRORS, &error),
        };
        Self::of(code, &error).with_hint(hint)
    }
}

/// The result of a command.
pub type CommandResult = Result<(), CommandFailure>;

/// The exit code of the command's outcome. Reports a failure on standard error.
pub(super) fn code(outcome: CommandResult, command: &str) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::from(SUCCESS),
        Err(failure) => {
            if !failure.message.is_empty() {
                super::shared::say(&format!("nocturne: {}", failure.message));
                failure.details.iter().for_each(|line| super::shared::say(&format!("  {line}")));
                failure.hint.iter().for_each(|hint| super::shared::say(&format!("hint: {hint}")));
                if failure.code == USAGE {
                    super::shared::say(&format!(
                        "Try \"nocturne {command} --help\" for more information."
                    ));
                }
            }
            ExitCode::from(failure.code)
        }
    }
}
