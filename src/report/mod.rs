//! Reports a restore to people and machines: readers of [`Event`](crate::restore::event)s.
//!
//! [`Reporter`] is the single entry point: it gives the restore an
//! [`Events`](crate::restore::event::Events) to send to, shows progress as bars (`bars`, on a
//! terminal) or as log lines (`log`), counts everything ([`summary`]), and reports the result at
//! the end. [`telemetry`] sets up tracing, for the log lines of every layer. All output goes to
//! standard error through one [`Screen`], so that lines and bars do not overwrite each other.
//! Nothing outside this module prints.

mod bars;
mod board;
pub(crate) mod log;
pub mod plan;
mod reporter;
mod screen;
pub mod summary;
pub mod telemetry;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod timings;
pub mod units;
mod wording;

pub use reporter::{ReportOptions, Reporter};
pub use screen::Screen;
pub use summary::Summary;

/// How log lines and the summary are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressMode {
    /// Bars if standard error is a terminal and the format is text, otherwise log lines. The
    /// command line turns it into [`ProgressMode::None`] when no one is watching.
    #[default]
    Auto,
    /// Bars; log lines if standard error is not a terminal.
    Bars,
    /// A log line when an entry whose work grows with its rows starts or ends.
    Log,
    /// Only warnings, errors and the summary.
    None,
}

/// How much is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// Also steps, and entries whose work grows with their rows.
    #[default]
    Normal,
    /// Also every other entry.
    Verbose,
    /// Also the SQL sent to the server.
    Debug,
}

impl Verbosity {
    /// From `--quiet` and the number of `--verbose`.
    #[must_use]
    pub fn from_flags(quiet: bool, verbose: u8) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Quiet,
            (false, 0) => Self::Normal,
            (false, 1) => Self::Verbose,
            (false, _) => Self::Debug,
        }
    }
}
