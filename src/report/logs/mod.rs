//! Reads the logs of the replication, nocturne's and those of the system that it replaces, and
//! finds the runs in them.
//!
//! A log goes through four stations: `lines` gives lines of bounded length, `stamp` takes the
//! host's prefix and the time off a line, `fact` says what a line means for a run, if anything,
//! and `runs` puts the facts, sorted by time, together. What a run is, and how it is told, is
//! [`super::nights`]' business.
//!
//! Nothing in a log is trusted: lines may be of any length and hold any bytes, and what is kept of
//! them is bounded.

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
use lines::Lines;
use runs::Moments;

use super::nights::Run;

/// What is kept of a log at most, in bytes, more or less: a night of 600 entries takes 200 kB.
const MOST_KEPT: usize = 128 << 20;

/// What was found in a log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The runs, in the order in which they began.
    pub runs: Vec<Run>,
    /// Lines read.
    pub lines: u64,
    /// Whether there was more to keep than is ever kept, so that the last lines are missing.
    pub cut: bool,
}

/// Reads a log, compressed by gzip or not, from end to end.
///
/// # Errors
///
/// When reading fails, or the compression is damaged.
pub fn read(input: impl Read) -> io::Result<Log> {
    read_within(input, MOST_KEPT)
}

fn read_within(input: impl Read, most_kept: usize) -> io::Result<Log> {
    let mut lines = Lines::open(input)?;
    let mut log = Log::default();
    let mut containers: BTreeMap<Option<String>, Moments> = BTreeMap::new();
    let mut kept = 0;
    // A line without a time of its own belongs to the one before.
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
        // A program knows better than the host when it said something.
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
    log.runs.sort_by_key(Run::start);
    Ok(log)
}
