//! Runs the files, in parallel where their dependencies allow it.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::super::sql_file::FileError;
use super::error::EnrichError;
use super::file_header::ExpectedTable;
use super::folder::{Enrichment, File};
use super::report::{EnrichProgress, FileOutcome, FileReport, Report};
use crate::server::{self, Session, SessionSettings, Target};
use crate::sql::ident::literal;

/// Runs all files of an enrichment, in at most `sessions` sessions at a time.
///
/// # Errors
/// [`EnrichError::Target`] and [`EnrichError::Stopped`]. Errors of single files are in the report.
pub async fn run(
    enrichment: &Enrichment,
    target: &Target,
    sessions: usize,
    stop: &CancellationToken,
    tell: impl Fn(EnrichProgress<'_>),
) -> Result<Report, EnrichError> {
    let files = &enrichment.files;
    let mut waiting = by_size(files, target).await.map_err(EnrichError::Target)?;
    let mut outcomes: Vec<Option<usize>> = vec![None; files.len()];
    let mut report = Report::default();
    let mut running = FuturesUnordered::new();
    let tell = &tell;
    loop {
        while running.len() < sessions.max(1) && !stop.is_cancelled() {
            let ready =
                |place: &usize| files[*place].after.iter().all(|one| outcomes[*one].is_some());
            let Some(next) = waiting.iter().position(ready) else { break };
            let place = waiting.remove(next);
            let file = &files[place];
            let ended = |one: &usize| outcomes[*one].map(|at| &report.files[at]);
            let bad = file.after.iter().filter_map(ended).find(|one| !one.outcome.is_good());
            let skip = bad.map(|bad| FileOutcome::After { file: bad.file.clone() });
            running.push(async move { (place, one(file, target, stop, skip, tell).await) });
        }
        let Some((place, ended)) = running.next().await else { break };
        if matches!(ended.outcome, FileOutcome::Failed(FileError::Stopped { .. })) {
            continue;
        }
        tell(EnrichProgress::Ended(&ended));
        outcomes[place] = Some(report.files.len());
        report.files.push(ended);
    }
    if report.files.len() < files.len() { Err(EnrichError::Stopped) } else { Ok(report) }
}

async fn one(
    file: &File,
    target: &Target,
    stop: &CancellationToken,
    skip: Option<FileOutcome>,
    tell: &impl Fn(EnrichProgress<'_>),
) -> FileReport {
    let started = Instant::now();
    let name = || file.name.clone();
    let outcome = match skip {
        Some(outcome) => outcome,
        None => match needed(file, target).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                tell(EnrichProgress::Started { file: &file.name });
                match file.sql.run(target, stop).await {
                    Ok(()) => FileOutcome::Done,
                    Err(error) => FileOutcome::Failed(error),
                }
            }
            Err(source) => {
                FileOutcome::Failed(FileError::Connect { file: file.sql.name().to_owned(), source })
            }
        },
    };
    let ran = matches!(outcome, FileOutcome::Done | FileOutcome::Failed(_));
    let duration = if ran { started.elapsed() } else { Duration::ZERO };
    FileReport { file: name(), outcome, duration }
}

/// The reason to skip a file, if any.
async fn needed(file: &File, target: &Target) -> server::Result<Option<FileOutcome>> {
    let session = Session::connect(target, &SessionSettings::default()).await?;
    for table in &file.header.unless {
        if size(&session, table).await?.is_some() {
            return Ok(Some(FileOutcome::NotNeeded { table: table.text.clone() }));
        }
    }
    for table in &file.header.requires {
        if size(&session, table).await?.is_none() {
            return Ok(Some(FileOutcome::MissingTable { table: table.text.clone() }));
        }
    }
    Ok(None)
}

/// The indices of the files, those on the largest tables first, whose indexes take the longest.
async fn by_size(files: &[File], target: &Target) -> server::Result<Vec<usize>> {
    let session = Session::connect(target, &SessionSettings::default()).await?;
    let mut sizes = Vec::new();
    for (place, file) in files.iter().enumerate() {
        let mut largest = 0;
        for table in &file.header.requires {
            largest = largest.max(size(&session, table).await?.unwrap_or(0));
        }
        sizes.push((Reverse(largest), place));
    }
    sizes.sort_unstable();
    Ok(sizes.into_iter().map(|(_, place)| place).collect())
}

/// The size in bytes of a table with its partitions, 0 for a view; `None` if there is no such
/// table. Not from `pg_class.relpages`, which is 0 right after a restore.
async fn size(session: &Session, table: &ExpectedTable) -> server::Result<Option<u64>> {
    let sql = format!(
        "SELECT COALESCE( \
             (SELECT sum(pg_catalog.pg_relation_size(t.relid)) \
              FROM pg_catalog.pg_partition_tree(c.oid) t), \
             pg_catalog.pg_relation_size(c.oid), 0) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND c.relkind IN ('r', 'p', 'f', 'v', 'm')",
        literal(&table.schema),
        literal(&table.name),
    );
    Ok(session.query_value(&sql).await?.map(|size| size.parse().unwrap_or(0)))
}
