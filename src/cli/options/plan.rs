//! `nocturne plan`, and the options of the cost history, as typed.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::selection::SelectionArgs;
use super::values::Jobs;
use crate::restore::ForeignKeys;

/// `nocturne plan`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct PlanArgs {
    /// Archive: a file, directory or URL; "-", the default, reads standard input
    ///
    /// A streamed archive is read to its end to learn the sizes of its data.
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<PathBuf>,

    /// Which entries to plan for.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// Include the entries that only restore --create uses
    #[arg(short = 'C', long, help_heading = "Selection")]
    pub create: bool,

    /// Number of sessions to plan for, or auto, the default, as for restore
    #[arg(short = 'j', long, value_name = "NUM|auto", help_heading = "Behaviour")]
    pub jobs: Option<Jobs>,

    /// How to restore foreign keys
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value = "validated",
        help_heading = "Behaviour"
    )]
    pub foreign_keys: ForeignKeys,

    /// Include the jobs that restore --analyze adds
    #[arg(long, help_heading = "Behaviour")]
    pub analyze: bool,

    /// Job timings from earlier runs.
    #[command(flatten)]
    pub costs: CostArgs,

    /// Assume all entries of this kind take TIME in total; repeatable
    ///
    /// Predicts a restore on another machine: --as-if "INDEX=10h22min". Each entry gets its
    /// predicted share. Kinds are named as in listings.
    #[arg(long, value_name = "KIND=TIME", help_heading = "Behaviour")]
    pub as_if: Vec<AsIf>,

    /// Simulate 2 to 64 sessions, in this order and in pg_restore's
    #[arg(long, help_heading = "Output")]
    pub compare: bool,

    /// Output format
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Output"
    )]
    pub format: PlanFormat,

    /// Write to this file instead of standard output
    #[arg(short = 'f', long, value_name = "FILENAME", help_heading = "Output")]
    pub file: Option<PathBuf>,
}

/// `--format` of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// The critical path and the most expensive jobs.
    #[default]
    Text,
    /// Every job.
    Json,
    /// The dependency graph, for Graphviz.
    Dot,
    /// A page with a timeline.
    Html,
}

/// The cost history, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Behaviour")]
pub struct CostArgs {
    /// File of job timings from earlier runs; updated after each restore
    ///
    /// Decides the order of jobs and the format in which rows are sent. The default is
    /// nocturne/costs.json in $XDG_CACHE_HOME or ~/.cache. An unusable file is a warning.
    #[arg(long, value_name = "FILE", conflicts_with = "no_cost_history")]
    pub cost_history: Option<PathBuf>,

    /// Neither use nor record job timings
    #[arg(long)]
    pub no_cost_history: bool,
}

/// `--as-if`: a kind of entry, and how long all of them take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsIf {
    /// The kind, as in listings.
    pub kind: String,
    /// Their total time.
    pub time: Duration,
}

/// Why a value was rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a kind of entry, \"=\" and a time such as 7h57min25s or 90s")]
pub struct NotAsIf;

impl FromStr for AsIf {
    type Err = NotAsIf;

    fn from_str(text: &str) -> Result<Self, NotAsIf> {
        let (kind, time) = text.split_once('=').ok_or(NotAsIf)?;
        let kind = kind.trim().to_uppercase();
        if kind.is_empty() {
            return Err(NotAsIf);
        }
        Ok(Self { kind, time: time_of(time).ok_or(NotAsIf)? })
    }
}

/// A century, in seconds: anything longer is a typo.
const MAX_SECONDS: u64 = 100 * 366 * 86_400;

/// Parses `7h 57min 25s`, `2h50`, `90 s`: numbers with units, the largest first.
fn time_of(text: &str) -> Option<Duration> {
    let mut seconds = 0u64;
    let mut rest = text.trim();
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().ok()?;
        let after = rest[digits..].trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let unit = match &after[..letters] {
            "h" => 3600,
            "m" | "min" => 60,
            "s" => 1,
            // As in 2h50.
            "" if last == 3600 => 60,
            _ => return None,
        };
        if unit >= last {
            return None;
        }
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        (last, rest) = (unit, after[letters..].trim_start());
    }
    (last != u64::MAX && seconds <= MAX_SECONDS).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_time_are_parsed() {
        for (text, seconds) in [
            ("fk constraint=7h57min25s", 28_645),
            ("FK CONSTRAINT = 7h 57min 25s", 28_645),
            ("FK CONSTRAINT=2h50", 10_200),
            ("FK CONSTRAINT=90 s", 90),
            ("FK CONSTRAINT=10m", 600),
        ] {
            let expected =
                AsIf { kind: "FK CONSTRAINT".into(), time: Duration::from_secs(seconds) };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn malformed_value_is_rejected() {
        for text in [
            "",
            "INDEX",
            "INDEX=",
            "=7h",
            "INDEX=7",
            "INDEX=7x",
            "INDEX=5min7h",
            "INDEX=1h1h",
            "INDEX=99999999999999999999h",
            "INDEX=99999999h",
            "INDEX=9999999999999999999h",
        ] {
            assert_eq!(text.parse::<AsIf>(), Err(NotAsIf), "{text}");
        }
    }
}
