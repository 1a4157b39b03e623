//! What a run does, seen from outside.

use tokio_util::sync::CancellationToken;

use super::run::Run;
use crate::restore::{chain, hint};

/// One attempt at a run.
///
/// When `stop` is cancelled the job lets go at once: what it is writing is rolled back or
/// finished, what it keeps for its next attempt is in order, and it returns
/// [`Outcome::Stopped`] before [`LEAVE_WITHIN`](super::LEAVE_WITHIN) is over. Otherwise it is
/// dropped where it stands.
pub trait Job: Sync {
    /// What it is, in the log line of its start: `full` or `incremental`.
    fn mode(&self) -> &'static str;

    /// Does it, and tells `run` its stages.
    fn run(&self, run: &Run, stop: CancellationToken) -> impl Future<Output = Outcome> + Send;
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is done.
    Succeeded,
    /// It failed.
    Failed(Failure),
    /// It was asked to stop and has.
    Stopped,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error and its causes in one line, without secrets.
    pub message: String,
    /// Whether another attempt would fail the same way: a wrong setting, a missing permission.
    pub is_permanent: bool,
}

impl Failure {
    /// A failure that time may heal: the network, a lock, a backup that is late.
    pub fn passing(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { message: with_hint(error), is_permanent: false }
    }

    /// A failure that needs somebody to change something.
    pub fn permanent(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { message: with_hint(error), is_permanent: true }
    }
}

fn with_hint(error: &(dyn std::error::Error + 'static)) -> String {
    match hint(error) {
        Some(hint) => format!("{}; hint: {hint}", chain(error)),
        None => chain(error),
    }
}
