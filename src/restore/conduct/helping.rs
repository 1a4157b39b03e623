//! Decides whether idle sessions help to load a large table.

use std::time::Duration;

use crate::plan::{JobId, Schedule, Workers, at_once};
use crate::restore::ledger::Ledger;
use crate::restore::load::source::DataSource;
use crate::restore::options::SplitSize;

/// Work that is negligible for a session that could help with a table instead.
const NEGLIGIBLE_WORK: Duration = Duration::from_millis(300);

/// Whether other sessions may help to load a job's table. `processors` are those that server and
/// client share, if known.
///
/// Help prevents the rows from being frozen, so the others must be likely to be idle for a while.
pub(crate) fn may_share(
    ledger: &Ledger,
    schedule: &Schedule,
    job: JobId,
    source: &DataSource,
    processors: Option<usize>,
) -> bool {
    let split_size = ledger.facts.options.split_size;
    let at_once = match split_size {
        // Reading and decoding it keeps one processor of this machine busy.
        SplitSize::Auto => at_once(ledger.server.jobs(), processors, 1),
        SplitSize::Bytes(_) | SplitSize::Never => ledger.server.jobs(),
    };
    // A function that reads the table itself would see less in each session.
    let alone = schedule.job(job).why.is_some();
    if source.is_one_object() || alone || at_once < 2 || split_size.least().is_none() {
        return false;
    }
    if source.is_stream() {
        // Whether other rows will arrive meanwhile is unknown.
        let others = u32::try_from(at_once - 1).unwrap_or(u32::MAX);
        return schedule.at_hand(job) < NEGLIGIBLE_WORK.saturating_mul(others);
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
