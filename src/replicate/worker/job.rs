//! The interface of a job: the work of a run.

use tokio_util::sync::CancellationToken;

use super::run::Run;
use crate::error::{chain, hint};
use crate::server::Retry;

/// One attempt at a run.
///
/// When `stop` is cancelled, the job ends at once: it rolls back or finishes what it is writing,
/// leaves consistent data for its next attempt, and returns [`JobOutcome::Stopped`] within
/// [`LEAVE_WITHIN`](super::LEAVE_WITHIN). Otherwise it is dropped at that point.
pub trait NightJob: Sync {
    /// Its mode, for the log line of its start: `full` or `incremental`.
    fn mode(&self) -> &'static str;

    /// Does the work, and reports its stages to `run`.
    fn run(&self, run: &Run, stop: CancellationToken) -> impl Future<Output = JobOutcome> + Send;
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// Everything is done.
    Succeeded,
    /// It failed.
    Failed(JobFailure),
    /// It was asked to stop, and did.
    Stopped,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFailure {
    /// The error and its causes in one line, without secrets.
    pub message: String,
    /// Whether another attempt follows: not if it is [`Retry::Never`].
    pub retry: Retry,
}

impl JobFailure {
    /// The failure of an attempt that ended with this error.
    pub fn new(error: &(dyn std::error::Error + 'static), retry: Retry) -> Self {
        let message = match hint(error) {
            Some(hint) => format!("{}; hint: {hint}", chain(error)),
            None => chain(error),
        };
        Self { message, retry }
    }
}
