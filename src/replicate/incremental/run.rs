//! Copies all tables of a run.

use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt, stream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::copy::CopyRun;
use super::error::IncrementalError;
use super::settings::{CopySettings, IncrementalTable};
use super::snapshot::Readers;
use super::table::{Copied, TableOutcome, Tally, copy};
use crate::error::chain;
use crate::verify::counted;

/// The outcome of a run.
#[derive(Debug)]
pub struct Summary {
    /// Each table, in the order of the settings.
    pub tables: Vec<TableOutcome>,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether rows that earlier runs missed should be copied.
    pub fills_gaps: bool,
}

impl Summary {
    /// Rows committed, of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|outcome| outcome.copied.rows).sum()
    }

    /// The errors, in the order of the tables.
    pub fn errors(&self) -> impl Iterator<Item = &IncrementalError> {
        self.tables.iter().filter_map(|outcome| outcome.error.as_ref())
    }

    /// Rows of all tables that earlier runs missed, as far as this was checked.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let gaps = self.tables.iter().filter_map(|outcome| outcome.copied.gaps.as_ref());
        gaps.map(super::Gaps::missing).sum()
    }
}

/// Copies the new rows of all tables. An error of one does not stop the others.
///
/// When `stop` is cancelled, open transactions are rolled back, committed rows stay, and unfinished
/// tables have [`IncrementalError::Stopped`].
pub async fn run(settings: &CopySettings, stop: &CancellationToken) -> Summary {
    let started = Instant::now();
    let context = CopyRun {
        settings,
        readers: Readers::new(settings),
        permits: Semaphore::new(settings.jobs.get()),
    };
    // Not mapped inside the stream: the compiler could not prove that the future is `Send`.
    let copies: Vec<_> =
        settings.tables.iter().map(|table| one(&context, table, stop).boxed()).collect();
    let tables = stream::iter(copies).buffered(settings.jobs.get()).collect::<Vec<_>>();
    let tables = tokio::select! {
        tables = tables => tables,
        never = context.readers.keep_alive() => match never {},
    };
    Summary { tables, elapsed: started.elapsed(), fills_gaps: settings.fill_gaps }
}

async fn one(
    context: &CopyRun<'_>,
    table: &IncrementalTable,
    stop: &CancellationToken,
) -> TableOutcome {
    let started = Instant::now();
    let tally = Tally::default();
    let result = tokio::select! {
        biased;
        () = stop.cancelled() => Err(IncrementalError::Stopped),
        result = copy(context, table, &tally) => result,
    };
    let copied = Copied { elapsed: started.elapsed(), ..tally.into_copied() };
    let outcome = TableOutcome { table: table.clone(), copied, error: result.err() };
    tell(&outcome);
    outcome
}

/// Logs one line per table, with the fields of the replaced system's lines.
fn tell(outcome: &TableOutcome) {
    let TableOutcome { table, copied, error } = outcome;
    if let Some(gaps) = copied.gaps.as_ref().filter(|gaps| !gaps.places.is_empty()) {
        let (missing, deleted) = (gaps.missing(), gaps.deleted());
        tracing::warn!(
            table_name = table.name,
            missing,
            deleted,
            "the row counts of earlier runs differ between source and target"
        );
        for gap in gaps.places.iter().take(10) {
            let from = gap.from.map_or_else(|| "the first".to_owned(), |from| from.to_string());
            tracing::warn!(
                table_name = table.name,
                "keys from {from} to {}: {} in the source, {} in the target",
                gap.through,
                counted(gap.source, "row", "rows"),
                gap.target
            );
        }
    }
    let before = copied.before.as_deref();
    let rows = copied.rows;
    match error {
        None => tracing::info!(
            schema_name = table.schema,
            table_name = table.name,
            last_record_index_before_replication = before,
            last_record_index_after_replication = copied.after.as_deref(),
            total_records_replicated = rows,
            bytes = copied.bytes,
            transactions = copied.ranges,
            seconds = copied.elapsed.as_secs_f64(),
            "table copied"
        ),
        Some(error) => tracing::error!(
            schema_name = table.schema,
            table_name = table.name,
            last_record_index_before_replication = before,
            total_records_replicated = rows,
            seconds = copied.elapsed.as_secs_f64(),
            "cannot copy table: {}",
            chain(error)
        ),
    }
}
