//! A plan as text for a terminal.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::{PlanReport, PlannedJob};
use crate::report::timeline::share;
use crate::report::{units, wording};

/// The number of jobs that the text lists; the JSON has all.
const LISTED_JOBS: usize = 20;

/// The length of the longest bar, in characters.
const BAR: usize = 24;

impl Display for PlanReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.heading(f)?;
        self.chain_of_jobs(f)?;
        self.costly(f)?;
        self.waiting(f)?;
        self.compared(f)
    }
}

impl PlanReport {
    fn heading(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let jobs = units::plural(self.jobs.len() as u64, "job", "jobs");
        let sessions = units::plural(self.workers as u64, "session", "sessions");
        writeln!(f, "plan of {}, database {}", line(&self.archive), line(&self.database))?;
        let before = units::plural(self.prelude_entries as u64, "definition", "definitions");
        writeln!(f, "{before} first, then {jobs} over {sessions}\n")?;
        let mut rows = vec![
            ("predicted wall time", time(self.wall_seconds), self.over_bound()),
            ("lower bound", time(self.lower_bound_seconds), self.bound_in_words()),
            ("total job time", time(self.total_seconds), self.basis_in_words()),
        ];
        if let Some(night) = self.last_run {
            let took = Duration::try_from_secs_f64(night.seconds).unwrap_or_default();
            let sessions = units::plural(night.jobs as u64, "session", "sessions");
            rows.push(("last run took", time(took), format!("with {sessions}")));
        }
        for given in &self.given {
            rows.push(("as if", time(given.seconds), format!("for all of {}", line(&given.kind))));
        }
        let width = rows.iter().map(|(_, value, _)| value.len()).max().unwrap_or(0);
        for (name, value, words) in rows {
            let row = format!("{name:<20}  {value:>width$}  {words}");
            writeln!(f, "{}", row.trim_end())?;
        }
        Ok(())
    }

    pub(super) fn over_bound(&self) -> String {
        let over = self.wall_seconds.saturating_sub(self.lower_bound_seconds);
        format!("{} above the lower bound", share(over, self.lower_bound_seconds))
    }

    pub(super) fn bound_in_words(&self) -> String {
        let workers = u32::try_from(self.workers).unwrap_or(u32::MAX).max(1);
        let (work, chain) = (self.total_seconds / workers, self.critical_seconds);
        let (most, by, other, name) = if work > chain {
            (work, "the job time per session", chain, "the critical path")
        } else {
            (chain, "the critical path", work, "the job time per session")
        };
        let definitions = match self.prelude_seconds {
            Duration::ZERO => String::new(),
            prelude => format!("{} of definitions, then {} ", time(prelude), time(most)),
        };
        format!("{definitions}by {by}; {name}: {}", time(other))
    }

    pub(super) fn basis_in_words(&self) -> String {
        if self.known_seconds.is_zero() {
            let words = match self.given.is_empty() {
                true => "all of it from the model, nothing measured yet",
                false => "from the model where not given, nothing measured yet",
            };
            return words.to_owned();
        }
        let runs = units::plural(u64::from(self.runs), "earlier run", "earlier runs");
        format!("{} of it measured in {runs}", share(self.known_seconds, self.total_seconds))
    }

    fn chain_of_jobs(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let chain = self.chain();
        // Jobs that take no time only make the chain hard to read.
        let takes_time = |job: &&PlannedJob| job.least_seconds >= Duration::from_millis(1);
        let chain: Vec<&PlannedJob> = chain.into_iter().filter(takes_time).collect();
        if chain.is_empty() {
            return Ok(());
        }
        writeln!(f, "\ncritical path, {}", time(self.critical_seconds))?;
        table(f, &chain, "at least", |job| job.least_seconds)
    }

    fn costly(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let jobs: Vec<&PlannedJob> = self.jobs.iter().take(LISTED_JOBS).collect();
        if jobs.is_empty() {
            return Ok(());
        }
        let all = units::count(self.jobs.len() as u64);
        match jobs.len() < self.jobs.len() {
            true => writeln!(f, "\nmost expensive jobs, {LISTED_JOBS} of {all}")?,
            false => writeln!(f, "\njobs by cost")?,
        }
        table(f, &jobs, "cost", |job| job.seconds)
    }

    fn waiting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut waiting = self.jobs.iter().filter_map(|job| Some((job, job.why.as_ref()?)));
        for (number, (job, why)) in waiting.by_ref().take(LISTED_JOBS).enumerate() {
            if number == 0 {
                writeln!(f, "\njobs that wait for more than their dependencies")?;
            }
            writeln!(f, "  {} {}", job.label(), line(why))?;
        }
        match waiting.count() {
            0 => Ok(()),
            more => writeln!(f, "  and {}", units::plural(more as u64, "other", "others")),
        }
    }

    fn compared(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(comparison) = &self.comparison else {
            return Ok(());
        };
        let mut rows = vec![
            ["sessions", "pg_restore's order", "nocturne", "", "lower bound"].map(str::to_owned),
        ];
        rows.extend(comparison.iter().map(|row| {
            [
                row.workers.to_string(),
                time(row.pg_restore_seconds),
                time(row.nocturne_seconds),
                times(row.pg_restore_seconds, row.nocturne_seconds),
                time(row.lower_bound_seconds),
            ]
        }));
        writeln!(f, "\nthe same work, simulated")?;
        let width =
            |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
        for row in &rows {
            let cells = row.iter().enumerate().map(|(at, cell)| format!("{cell:>0$}", width(at)));
            writeln!(f, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        writeln!(f, "\n{SIMULATED}")
    }
}

/// Explains what a comparison shows.
pub(super) const SIMULATED: &str = "\
A simulation: every job takes its predicted time, in both orders and with any number of sessions.
It shows what order and locks allow on a server with as many cores as sessions. In nocturne's
order, idle sessions help with the rows of large tables: at most four per table, each counted as
three quarters of a session.";

/// How many times faster: `2.1×`.
pub(super) fn times(slow: Duration, fast: Duration) -> String {
    if fast.is_zero() {
        return String::new();
    }
    format!("{:.2}×", slow.as_secs_f64() / fast.as_secs_f64())
}

/// A table of jobs, with a cost of this name.
fn table(
    f: &mut Formatter<'_>,
    jobs: &[&PlannedJob],
    name: &str,
    cost: impl Fn(&PlannedJob) -> Duration,
) -> fmt::Result {
    let longest = jobs.iter().map(|job| cost(job)).max().unwrap_or_default();
    let mut rows = vec![[name, "", "starts", "cost from", "job"].map(str::to_owned)];
    rows.extend(jobs.iter().map(|job| {
        let start = format!("+{}", time(job.start_seconds));
        let cost = cost(job);
        [time(cost), bar(cost, longest), start, job.source(), job.label()]
    }));
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for [cost, bar, start, source, label] in &rows {
        writeln!(
            f,
            "  {cost:>0$}  {bar:<1$}  {start:>2$}  {source:>3$}  {label}",
            widths[0], widths[1], widths[2], widths[3]
        )?;
    }
    Ok(())
}

/// A bar with a resolution of an eighth of a character.
fn bar(part: Duration, whole: Duration) -> String {
    if whole.is_zero() {
        return String::new();
    }
    let eighths = (part.as_secs_f64() / whole.as_secs_f64() * (BAR * 8) as f64).round() as usize;
    let mut text = "█".repeat(eighths / 8);
    text.extend(['▏', '▎', '▍', '▌', '▋', '▊', '▉'].get((eighths % 8).wrapping_sub(1)));
    text
}

fn time(time: Duration) -> String {
    units::duration(time)
}

fn line(text: &str) -> String {
    wording::one_line(text)
}
