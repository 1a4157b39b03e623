//! Runs the files side by side.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::folder::{Enrichment, Enrichments};
use crate::replicate::sql_file::SqlFileError;
use crate::target::{self, Session, SessionSettings, Target};

/// What became of a file.
#[derive(Debug)]
pub struct FileReport {
    /// Its name, without `.sql`.
    pub name: String,
    /// How it ended.
    pub outcome: FileOutcome,
    /// How long it took.
    pub duration: Duration,
}

/// How a file ended.
#[derive(Debug)]
pub enum FileOutcome {
    /// All its statements have run.
    Done,
    /// It was not run, and that is in order: a table is not there, say.
    Skipped(String),
    /// It was not run because of a file that failed, or because the run was stopped.
    NotRun(String),
    /// A statement was refused.
    Failed(SqlFileError),
}

impl FileOutcome {
    /// Whether something is missing now that should be there.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::NotRun(_) | Self::Failed(_))
    }
}

/// Runs all files with up to `jobs` sessions, and tells each as it ends.
///
/// # Errors
/// When the target cannot be reached. What single files run into is in the reports.
pub async fn run(
    target: &Target,
    files: &Enrichments,
    jobs: usize,
    stop: &CancellationToken,
    mut told: impl FnMut(&FileReport),
) -> target::Result<Vec<FileReport>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let pages = sizes(target).await?;
    let mut states: Vec<State> = files.files.iter().map(|_| State::Waiting).collect();
    let mut reports = Vec::new();
    let mut running = JoinSet::new();
    loop {
        while running.len() < jobs.max(1) && !stop.is_cancelled() {
            let Some(place) = next(files, &states, &pages) else { break };
            states[place] = State::Running;
            let (file, target) = (Arc::new(files.files[place].clone()), target.clone());
            if let Some(reason) = skipped(&file, &pages) {
                states[place] = State::Done;
                tell(
                    &mut reports,
                    &mut told,
                    &file.name,
                    FileOutcome::Skipped(reason),
                    Duration::ZERO,
                );
                continue;
            }
            running.spawn(async move {
                let started = Instant::now();
                let result = run_file(&target, &file).await;
                (place, result, started.elapsed())
            });
        }
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            // Dropping the sessions ends them; the server rolls back what they run.
            () = stop.cancelled(), if !running.is_empty() => None,
        };
        let Some(ended) = ended else { break };
        let Ok((place, result, duration)) = ended else { continue };
        let outcome = match result {
            Ok(Ok(())) => FileOutcome::Done,
            Ok(Err(error)) => FileOutcome::Failed(error),
            Err(error) => return Err(error),
        };
        states[place] = if outcome.is_error() { State::Failed } else { State::Done };
        tell(&mut reports, &mut told, &files.files[place].name, outcome, duration);
    }
    for (place, file) in files.files.iter().enumerate() {
        let reason = match states[place] {
            State::Waiting | State::Running if stop.is_cancelled() => {
                "the run was stopped".to_owned()
            }
            State::Waiting => "a file that it depends on failed".to_owned(),
            State::Running | State::Done | State::Failed => continue,
        };
        tell(&mut reports, &mut told, &file.name, FileOutcome::NotRun(reason), Duration::ZERO);
    }
    Ok(reports)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
}

fn tell(
    reports: &mut Vec<FileReport>,
    told: &mut impl FnMut(&FileReport),
    name: &str,
    outcome: FileOutcome,
    duration: Duration,
) {
    let report = FileReport { name: name.to_owned(), outcome, duration };
    told(&report);
    reports.push(report);
}

async fn run_file(target: &Target, file: &Enrichment) -> target::Result<Result<(), SqlFileError>> {
    let session = Session::connect(target, &SessionSettings::default()).await?;
    // Whoever writes such a file expects the path that psql would have.
    session.execute("RESET search_path; SET application_name = 'nocturne enrich'").await?;
    Ok(file.file.run(&session).await)
}

/// The file to begin next: of those that can begin, the one about the largest table.
fn next(files: &Enrichments, states: &[State], pages: &Pages) -> Option<usize> {
    let ready = |place: &usize| {
        let depends = &files.files[*place].depends;
        states[*place] == State::Waiting
            && depends.iter().all(|other| states[*other] == State::Done)
    };
    let size = |place: &usize| {
        let tables = files.files[*place].requires.iter();
        tables.filter_map(|table| pages.get(table)).max().copied().unwrap_or(0)
    };
    // Of equals the first in the alphabet.
    (0..states.len()).filter(ready).max_by_key(|place| (size(place), std::cmp::Reverse(*place)))
}

fn skipped(file: &Enrichment, pages: &Pages) -> Option<String> {
    let name = |(schema, table): &(String, String)| format!("{schema}.{table}");
    if let Some(missing) = file.requires.iter().find(|table| !pages.contains_key(*table)) {
        return Some(format!("there is no table {}", name(missing)));
    }
    let there = file.unless.iter().find(|table| pages.contains_key(*table))?;
    Some(format!("there is a table {}", name(there)))
}

/// The size of each table, by schema and name.
type Pages = HashMap<(String, String), u64>;

async fn sizes(target: &Target) -> target::Result<Pages> {
    let session = Session::connect(target, &SessionSettings::default()).await?;
    let sql = "SELECT n.nspname, c.relname, GREATEST(c.relpages, 0) FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'p', 'f', 'm')";
    let table = |row: Vec<Option<String>>| {
        let [schema, name, pages] = row.try_into().ok()?;
        Some(((schema?, name?), pages?.parse().ok()?))
    };
    Ok(session.query_text(sql).await?.into_iter().filter_map(table).collect())
}
