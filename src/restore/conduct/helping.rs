//! Decides whether idle sessions help to load a large table.

use std::time::Duration;

use crate::plan::{JobId, Schedule, Workers};
use crate::restore::ledger::Ledger;
use crate::restore::options::SplitSize;

/// Work that is negligible for a session that could help with a table instead.
const LITTLE: Duration = Duration::from_millis(300);

/// Whether other sessions may help to load a job's table; `at_once` sessions can work at a time.
///
/// Help prevents the rows from being frozen, so the others must be likely to be idle for a while.
pub(crate) fn may_share(
    ledger: &Ledger,
    schedule: &Schedule,
    job: JobId,
    streamed: bool,
    at_once: usize,
) -> bool {
    if at_once < 2 || ledger.facts.options.split_size.least().is_none() {
        return false;
    }
    if streamed {
        // Whether other rows will arrive meanwhile is unknown.
        let others = u32::try_from(at_once - 1).unwrap_or(u32::MAX);
        return schedule.at_hand(job) < LITTLE.saturating_mul(others);
    }
    // Checked for large tables only, since it looks at all jobs.
    ledger.facts.is_large(schedule.job(job).entry) && schedule.gains_from_help(job, at_once)
}

/// The sessions as workers, with the processors that server and client share, if known.
pub(crate) fn workers(ledger: &Ledger, processors: Option<usize>) -> Workers {
    let sessions = ledger.server.sessions();
    match ledger.facts.options.split_size {
        SplitSize::Auto => Workers::with_processors(sessions, processors),
        SplitSize::Bytes(_) => Workers::new(sessions),
        SplitSize::Never => Workers { together: 1, ..Workers::new(sessions) },
    }
}
