//! What a restore did, for people and for machines: readers of [`Event`](crate::restore::event)s.
//!
//! [`Reporter`] is the one door: it gives the restore an [`Events`](crate::restore::event::Events)
//! to send to, shows what happens meanwhile as bars (`bars`, on a terminal) or as log lines
//! (`log`), counts everything ([`summary`]), and at the end tells the result. [`telemetry`] sets
//! up tracing, for the log lines of every layer. All of it goes to standard error through one
//! [`Screen`], so that lines and bars do not write over each other. Nothing outside this module
//! prints.

mod bars;
mod board;
pub mod costs;
mod log;
pub mod logs;
pub mod nights;
pub mod plan;
mod reporter;
mod screen;
pub mod stages;
pub mod summary;
pub mod telemetry;
pub mod timeline;
pub mod units;
mod wording;

pub use reporter::{Options, Reporter};
pub use screen::Screen;
pub use summary::Summary;

/// How log lines and the summary are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressMode {
    /// Bars where standard error is a terminal and the format is text, log lines elsewhere. The
    /// command line turns it into [`ProgressMode::None`] where no one watches.
    #[default]
    Auto,
    /// Bars; log lines where standard error is not a terminal.
    Bars,
    /// A log line for each entry that starts or ends and whose work grows with its rows.
    Log,
    /// Only warnings, errors and the summary.
    None,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// What goes wrong.
    Quiet,
    /// Also steps, and entries whose work grows with the rows.
    #[default]
    Normal,
    /// Also every other entry.
    Verbose,
    /// Also what is said to the server.
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
