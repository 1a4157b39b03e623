//! The background process: waits for the next run and starts it.
//!
//! ```text
//! Schedule ──▶ Worker ──▶ Night ──▶ Job (one attempt after the other)
//!              waits,     retries,      │ tells its stages to
//!              misses     tells         ▼
//!                           │          Run ──▶ RunRecord ──▶ History (the table nocturne.runs)
//!                           └──▶ Notifier
//! ```
//!
//! - [`Worker`] waits for the next time of the schedule. Runs never overlap, for one waits for
//!   the other; a time that went by meanwhile is reported as missed. A run that was interrupted
//!   is started again when the process comes back.
//! - [`Night`] is one run with its retries. A one-off run is a night too.
//! - [`Job`] is what is done, generic so that the waiting can be tested without it.
//! - [`Run`] is what a job tells about itself, [`RunRecord`] what is kept of it, and [`History`]
//!   where: in a table of the target, because the web process is another container.
//!
//! Nothing here knows what a run does, nor of signals: asking to stop is a token.

mod clock;
mod cycle;
mod history;
mod job;
mod night;
mod record;
mod retry;
mod run;

#[cfg(test)]
mod tests;

pub use clock::{Clock, SystemClock};
pub use cycle::Worker;
pub use history::{DatabaseHistory, History, HistoryError, NoHistory};
pub use job::{Failure, Job, Outcome};
pub use night::{LEAVE_WITHIN, Night};
pub use record::{
    BackupRecord, Entries, FULL, INCREMENTAL, RunOutcome, RunRecord, StageName, StageRecord,
    StageState, Trigger,
};
pub use retry::RetryPolicy;
pub use run::{OpenStage, Run, StageCount};
