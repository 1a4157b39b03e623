//! All tables of a run.

use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt, stream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::copy::Context;
use super::error::IncrementalError;
use super::settings::{Settings, Table};
use super::snapshot::Readers;
use super::table::{Copied, TableOutcome, Tally, copy};
use crate::restore::chain;
use crate::verify::counted;

/// How a run went.
#[derive(Debug)]
pub struct Summary {
    /// Each table, in the order of the settings.
    pub tables: Vec<TableOutcome>,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether rows that earlier runs missed were to be copied.
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

    /// Rows that earlier runs missed, of all tables, as far as they were looked for.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let gaps = self.tables.iter().filter_map(|outcome| outcome.copied.gaps.as_ref());
        gaps.map(super::Gaps::missing).sum()
    }
}

/// Copies what is new in all tables. An error of one does not keep the others.
///
/// When `stop` is cancelled, what is being written is rolled back, what was committed stays, and
/// the tables that are not done have [`IncrementalError::Stopped`].
pub async fn run(settings: &Settings, stop: &CancellationToken) -> Summary {
    let started = Instant::now();
    let context = Context {
        settings,
        readers: Readers::new(settings),
        permits: Semaphore::new(settings.jobs.get()),
    };
    // Not mapped in the stream: the compiler would not see that the future may go to other threads.
    let copies: Vec<_> =
        settings.tables.iter().map(|table| one(&context, table, stop).boxed()).collect();
    let tables = stream::iter(copies).buffered(settings.jobs.get()).collect::<Vec<_>>();
    let tables = tokio::select! {
        tables = tables => tables,
        never = context.readers.keep_alive() => match never {},
    };
    Summary { tables, elapsed: started.elapsed(), fills_gaps: settings.fill_gaps }
}

async fn one(context: &Context<'_>, table: &Table, stop: &CancellationToken) -> TableOutcome {
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

/// One line for each table, with the fields that the replaced system's lines had.
fn tell(outcome: &TableOutcome) {
    let TableOutcome { table, copied, error } = outcome;
    if let Some(gaps) = copied.gaps.as_ref().filter(|gaps| !gaps.places.is_empty()) {
        let (missing, deleted) = (gaps.missing(), gaps.deleted());
        tracing::warn!(table_name = table.name, missing, deleted, "rows differ from earlier runs'");
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
            "table not copied: {}",
            chain(error)
        ),
    }
}
