//! Reads replication logs, nocturne's and the replaced system's, and finds the runs in them.
//!
//! A log passes through four stages: `lines` yields lines of bounded length, `stamp` splits off the
//! host's prefix and the time, `fact` interprets a line, and `runs` assembles the facts, sorted by
//! time, into runs. [`super::run_report`] defines and reports runs.
//!
//! Logs are not trusted: lines may have any length and contain any bytes, and what is kept of them
//! is bounded.

mod fact;
mod lines;
mod nocturne;
mod runs;
mod stamp;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Read};

use fact::{Fact, fact};
use lines::LogFile;
use runs::Moments;

use crate::replicate::run_report::LoggedRun;

/// Approximate limit of what is kept of a log, in bytes: a night of 600 entries takes 200 kB.
const MOST_KEPT: usize = 128 << 20;

/// The content of a log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The runs, in the order of their starts.
    pub runs: Vec<LoggedRun>,
    /// Lines read.
    pub lines: u64,
    /// Whether the log exceeded the limit, so that its last lines are missing.
    pub cut: bool,
}

/// Reads a log, optionally compressed by gzip, from end to end.
///
/// # Errors
///
/// If reading fails, or the compressed data is damaged.
pub fn read(input: impl Read) -> io::Result<Log> {
    read_within(input, MOST_KEPT)
}

fn read_within(input: impl Read, most_kept: usize) -> io::Result<Log> {
    let mut lines = LogFile::open(input)?;
    let mut log = Log::default();
    let mut containers: BTreeMap<Option<String>, Moments> = BTreeMap::new();
    let mut kept = 0;
    // A line without a time belongs to the previous one.
    let mut last = None;
    while let Some(line) = lines.next()? {
        log.lines += 1;
        let text = String::from_utf8_lossy(line.bytes);
        let stamped = stamp::split(&text);
        let (fact, inner) = if line.is_whole || !stamped.rest.starts_with('{') {
            fact(stamped.rest)
        } else {
            (None, None)
        };
        // A program's own time is more accurate than the host's.
        let at = match (stamped.at, inner) {
            (Some(outer), Some(inner)) if fact.as_ref().is_some_and(Fact::is_nocturne) => {
                Some(inner.with_timezone(outer.offset()))
            }
            (outer, inner) => outer.or(inner),
        };
        let container = stamped.container.map(str::to_owned);
        if let Some(at) = at {
            last = Some((at, container.clone()));
        }
        let Some((at, container)) = at.map(|at| (at, container)).or_else(|| last.clone()) else {
            continue;
        };
        if kept >= most_kept {
            log.cut = true;
            continue;
        }
        kept += containers.entry(container).or_default().note(at, fact);
    }
    for (container, moments) in containers {
        log.runs.extend(moments.runs(container.as_deref()));
    }
    log.runs.sort_by_key(LoggedRun::start);
    Ok(log)
}
