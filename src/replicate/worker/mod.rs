//! The background process: waits for the next run and starts it.
//!
//! ```text
//! Schedule ──▶ Worker ──▶ Night ──▶ Job (one attempt at a time)
//!              waits,     retries,      │ reports its stages to
//!              misses     notifies      ▼
//!                           │          Run ──▶ RunRecord ──▶ History (the table nocturne.runs)
//!                           └──▶ Notifier
//! ```
//!
//! - [`Worker`] waits for the next scheduled time. Runs never overlap, because each waits for the
//!   previous one; a scheduled time that passes meanwhile is reported as missed. An interrupted run
//!   is resumed when the process restarts.
//! - [`RunWithRetries`] is one run with its retries. A one-off run is also a night.
//! - [`NightJob`] is the work of a run; it is generic, so that scheduling can be tested without it.
//! - [`Run`] collects what a job reports, [`RunRecord`] is what is saved of it, and [`History`] is
//!   where: in a table of the target, because the web process runs in another container.
//!
//! This module does not depend on what a run does, nor on signals: a token asks it to stop.

mod clock;
mod cycle;
mod history;
mod job;
mod record;
mod retry_policy;
mod run;
mod run_with_retries;

#[cfg(test)]
mod tests;

pub use clock::{Clock, SystemClock};
pub use cycle::Worker;
pub use history::{DatabaseHistory, History, HistoryError, NoHistory};
pub use job::{JobFailure, JobOutcome, NightJob};
pub use record::{
    BackupRecord, Entries, FULL, INCREMENTAL, RunOutcome, RunRecord, StageName, StageRecord,
    StageState, Trigger,
};
pub use retry_policy::RetryPolicy;
pub use run::{OpenStage, Run, StageCount};
pub use run_with_retries::{LEAVE_WITHIN, RunWithRetries};
