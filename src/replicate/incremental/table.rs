//! Copies one table: compares and claims it, reads it in ranges, and commits them in order.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures::{StreamExt, pin_mut, stream};
use tokio::sync::watch;

use super::claim::{claim, connect};
use super::copy::{CopiedRows, CopyPlan, CopyRun, load};
use super::drift::Drift;
use super::error::{IncrementalError, Side};
use super::fill::fill;
use super::gaps::{self, Gaps};
use super::key::{KeyColumn, doubts};
use super::partitions::follow;
use super::ranges::{Range, split};
use super::sequences::advance;
use super::settings::IncrementalTable;
use super::snapshot::{common, until_lost};
use super::table_definition::{Relation, definition};
use crate::error::chain;
use crate::server::{self, Session};

/// What was copied of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows known to be committed, which excludes those of a commit whose reply was lost.
    pub rows: u64,
    /// Their bytes in the COPY format.
    pub bytes: u64,
    /// The number of transactions.
    pub ranges: usize,
    /// Whether they were copied in binary; `None` if there was nothing to copy.
    pub is_binary: Option<bool>,
    /// The highest key in the target before, as the server writes it; `None` in an empty table.
    pub before: Option<String>,
    /// The highest key in the target afterwards; also `None` if the copy failed.
    pub after: Option<String>,
    /// Columns that were added to the target.
    pub added_columns: Vec<String>,
    /// The result of the check for gaps, if requested.
    pub gaps: Option<Gaps>,
    /// Rows that earlier runs missed; included in `rows`.
    pub filled: u64,
    /// How long it took, including waits.
    pub elapsed: Duration,
}

/// The outcome of a table.
#[derive(Debug)]
pub struct TableOutcome {
    /// The table.
    pub table: IncrementalTable,
    /// What was copied, including ranges committed before an error.
    pub copied: Copied,
    /// Why it is incomplete.
    pub error: Option<IncrementalError>,
}

/// What has been done so far, over all attempts.
#[derive(Debug)]
pub(super) struct Tally {
    copied: Mutex<Copied>,
    doubted: Once,
}

impl Default for Tally {
    fn default() -> Self {
        Self { copied: Mutex::default(), doubted: Once::new() }
    }
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Copied> {
        self.copied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_copied(self) -> Copied {
        self.copied.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs warnings about the key, in the first attempt only.
    fn doubt(&self, table: &IncrementalTable, doubts: &[String]) {
        self.doubted.call_once(|| {
            for doubt in doubts {
                tracing::warn!(table_name = table.name, "{doubt}");
            }
        });
    }
}

/// Copies the new rows of a table; after a lost connection, resumes after the last committed range.
///
/// # Errors
/// The error of the last attempt. Committed rows are in the tally.
pub(super) async fn copy(
    context: &CopyRun<'_>,
    table: &IncrementalTable,
    tally: &Tally,
) -> Result<(), IncrementalError> {
    let retries = &context.settings.retries;
    let waits = ExponentialBuilder::default()
        .with_min_delay(retries.min)
        .with_max_delay(retries.max)
        .with_max_times(retries.times)
        .with_jitter();
    (|| Box::pin(attempt(context, table, tally)))
        .retry(waits)
        .when(IncrementalError::is_retried)
        .notify(|error, wait| {
            tracing::warn!(table_name = table.name, "{}; retrying in {wait:.1?}", chain(error));
        })
        .await
}

async fn attempt(
    context: &CopyRun<'_>,
    table: &IncrementalTable,
    tally: &Tally,
) -> Result<(), IncrementalError> {
    let settings = context.settings;
    let of_source = |source| context.settings.refused(table, Side::Source, source);
    let of_target = |source| context.settings.refused(table, Side::Target, source);

    let keeper = connect(settings).await?;
    let (permit, reader) = context.reader().await?;
    let (source, target) = alike(context, table, &reader, &keeper, tally).await?;
    let plan = CopyPlan::new(table, KeyColumn::of(table, &source, &target)?, &source, &target);
    if let Some(column) = source.column(&table.key) {
        tally.doubt(table, &doubts(column, target.column(&table.key)));
    }
    plan.key.check_lag(table, settings.lag)?;
    follow(settings, table, (&reader, &source), (&keeper, &target)).await?;

    claim(&keeper, settings, table, target.oid).await?;
    let highest = plan.key.highest(table, None, None);
    let before = keeper.query_value(&highest).await.map_err(of_target)?;
    let is_first = tally.lock().ranges == 0;
    if is_first {
        tally.lock().before.clone_from(&before);
    }
    if let (true, Some(before)) = (is_first, &before) {
        plan.key.not_behind(settings, table, before, &reader).await?;
    }
    let mut found = None;
    let checks = settings.check_gaps || settings.fill_gaps;
    if let (true, true, Some(through)) = (is_first, checks, &before) {
        let gaps = gaps::find(&reader, &keeper, table, &plan.key, through)
            .await
            .map_err(|(side, source)| context.settings.refused(table, side, source))?;
        found = Some(gaps);
    }
    let ranges = ranges(context, &plan, before, &reader).await.map_err(of_source)?;
    drop(reader);
    drop(permit);

    let work = async {
        if let Some(mut gaps) = found {
            if settings.fill_gaps {
                let filled = fill(context, &plan, &mut gaps, &keeper).await?;
                let mut copied = tally.lock();
                copied.rows += filled;
                copied.filled += filled;
            }
            tally.lock().gaps = Some(gaps);
        }
        copy_ranges(context, &plan, ranges, &keeper, tally).await
    };
    tokio::select! {
        copied = work => copied?,
        error = until_lost(&keeper) => return Err(of_target(error)),
    }
    advance(&keeper, table, target.oid).await.map_err(of_target)?;
    let after = keeper.query_value(&highest).await.map_err(of_target)?;
    tally.lock().after = after;
    keeper.commit().await.map_err(of_target)
}

/// Reads the table's definition on both sides and checks that they match; adds columns if that is
/// enabled and sufficient.
async fn alike(
    context: &CopyRun<'_>,
    table: &IncrementalTable,
    reader: &Session,
    keeper: &Session,
    tally: &Tally,
) -> Result<(Relation, Relation), IncrementalError> {
    let source = definition(context.settings, reader, table, Side::Source).await?;
    let mut target = definition(context.settings, keeper, table, Side::Target).await?;
    if !matches!(target.kind.as_str(), "r" | "p") {
        return Err(IncrementalError::NotATable { table: table.clone() });
    }
    let Some(drift) = Drift::between(table, &source, &target) else {
        return Ok((source, target));
    };
    if !context.settings.add_columns || !drift.is_addable() {
        return Err(IncrementalError::Drift(Box::new(drift)));
    }
    let statements: Vec<String> = drift.additions().collect();
    let (settings, alter) = (common(context.settings), statements.join("\n"));
    keeper
        .execute(&format!("BEGIN; {settings}; {alter} COMMIT"))
        .await
        .map_err(|error| context.settings.refused(table, Side::Target, error))?;
    for statement in &statements {
        tracing::warn!(
            table_name = table.name,
            "added column ({statement}); existing rows get NULL"
        );
    }
    tally.lock().added_columns.extend(drift.columns().map(str::to_owned));
    target = definition(context.settings, keeper, table, Side::Target).await?;
    match Drift::between(table, &source, &target) {
        None => Ok((source, target)),
        Some(drift) => Err(IncrementalError::Drift(Box::new(drift))),
    }
}

/// The ranges of new keys, in ascending order.
async fn ranges(
    context: &CopyRun<'_>,
    plan: &CopyPlan<'_>,
    before: Option<String>,
    reader: &Session,
) -> server::Result<Vec<Range>> {
    let settings = context.settings;
    let limit = match context.readers.limit(plan.table) {
        Some(None) => return Ok(Vec::new()),
        limit => limit.flatten(),
    };
    let highest = plan.key.highest(plan.table, before.as_deref(), limit);
    let Some(through) = reader.query_value(&highest).await? else {
        return Ok(Vec::new());
    };
    let Some(through) = through.parse::<i64>().ok().filter(|_| plan.key.is_integer()) else {
        return Ok(vec![Range { after: before, through }]);
    };
    let through = through.saturating_sub(i64::try_from(settings.lag).unwrap_or(i64::MAX));
    let lowest = match &before {
        Some(_) => None,
        None => reader.query_value(&plan.key.lowest(plan.table)).await?,
    };
    let number = |key: &Option<String>| key.as_ref().and_then(|key| key.parse::<i64>().ok());
    let after = number(&before).or_else(|| number(&lowest)?.checked_sub(1));
    if after.is_some_and(|after| after >= through) {
        return Ok(Vec::new());
    }
    let whole = Range { after: before, through: through.to_string() };
    match (after, settings.range_rows.filter(|_| plan.key.has_index)) {
        (Some(after), Some(rows)) => {
            let estimate = plan.key.estimate(plan.table, &whole, reader).await?;
            Ok(split(after, through, estimate, rows))
        }
        _ => Ok(vec![whole]),
    }
}

/// Reads ranges in parallel, and commits each after the one before it.
async fn copy_ranges(
    context: &CopyRun<'_>,
    plan: &CopyPlan<'_>,
    ranges: Vec<Range>,
    keeper: &Session,
    tally: &Tally,
) -> Result<(), IncrementalError> {
    let of_target = |source| context.settings.refused(plan.table, Side::Target, source);
    let count = ranges.len();
    if count > 0 {
        tally.lock().is_binary = Some(plan.is_binary);
    }
    let (committed, turns) = watch::channel(0);
    let loads = stream::iter(ranges.into_iter().enumerate())
        .map(|(number, range)| {
            let turns = turns.clone();
            Box::pin(async move {
                let loaded = load(context, plan, range).await?;
                wait_for_turn(&loaded.writer, number, turns).await.map_err(of_target)?;
                Ok::<_, IncrementalError>(loaded)
            })
        })
        .buffered(context.settings.jobs.get());
    pin_mut!(loads);
    while let Some(loaded) = loads.next().await {
        let CopiedRows { writer, range, rows, bytes } = loaded?;
        // Without the claim, another run may be copying the same rows.
        keeper.execute("SELECT 1").await.map_err(of_target)?;
        writer.commit().await.map_err(of_target)?;
        committed.send_modify(|number| *number += 1);
        let mut copied = tally.lock();
        copied.rows += rows;
        copied.bytes += bytes;
        copied.ranges += 1;
        if count > 1 {
            let (table, after) = (plan.table, range.after.as_deref().unwrap_or("-"));
            tracing::info!(
                table_name = table.name,
                rows,
                "keys above {after} up to {}",
                range.through
            );
        }
    }
    Ok(())
}

/// Waits until the earlier ranges are committed. Keeps the session alive meanwhile, because proxies
/// close idle connections and an earlier range may be much larger.
async fn wait_for_turn(
    writer: &Session,
    number: usize,
    mut turns: watch::Receiver<usize>,
) -> server::Result<()> {
    let turn = async move { turns.wait_for(|committed| *committed >= number).await.map(drop) };
    tokio::select! {
        // An error means that no more ranges are committed: this one is dropped.
        _ = turn => Ok(()),
        lost = until_lost(writer) => Err(lost),
    }
}
