//! Copies rows that earlier runs missed.
//!
//! Where the counts differ, the source's rows of that part are copied into a temporary table of the
//! target, and from there those whose key is missing into the table.

use super::claim::{begin_writing, connect};
use super::copy::{CopyPlan, CopyRun};
use super::error::{IncrementalError, Side};
use super::gaps::Gaps;
use super::pipe::pipe;
use super::ranges::Range;
use crate::server::Session;
use crate::server::sqlstate::INSUFFICIENT_PRIVILEGE;

/// The temporary table, dropped at the end of its transaction.
const TEMPORARY: &str = "pg_temp.nocturne_gap";

/// Fills the gaps, if the key is unique, and returns how many rows were copied. `keeper` holds the
/// claim on the table.
///
/// # Errors
/// Rows committed before stay.
pub(super) async fn fill(
    context: &CopyRun<'_>,
    plan: &CopyPlan<'_>,
    gaps: &mut Gaps,
    keeper: &Session,
) -> Result<u64, IncrementalError> {
    let mut filled = 0;
    if gaps.missing() > 0 && !plan.key.is_unique {
        tracing::warn!(
            table_name = plan.table.name,
            "cannot fill the gaps: the key is not unique in the source, so it does not identify \
             the missing rows (hint: choose a unique key in INCREMENTAL_KEYS, or restore the table \
             again from a backup: as \"full\" in BACKUP_MODE)"
        );
        return Ok(filled);
    }
    for gap in gaps.places.iter_mut().filter(|gap| gap.source > gap.target) {
        let after = gap.from.and_then(|from| from.checked_sub(1)).map(|after| after.to_string());
        let range = Range { after, through: gap.through.clone() };
        let rows = fill_range(context, plan, &range, keeper).await?;
        gap.target += rows;
        filled += rows;
    }
    gaps.target += filled;
    gaps.places.retain(|gap| gap.source != gap.target);
    Ok(filled)
}

async fn fill_range(
    context: &CopyRun<'_>,
    plan: &CopyPlan<'_>,
    range: &Range,
    keeper: &Session,
) -> Result<u64, IncrementalError> {
    let of_target = |source| context.settings.refused(plan.table, Side::Target, source);
    let (_permit, reader) = context.reader().await?;
    let writer = connect(context.settings).await?;
    begin_writing(&writer, context.settings, plan.oid).await.map_err(of_target)?;
    let (table, columns) = (plan.table, plan.columns());
    let create = format!(
        "CREATE TEMPORARY TABLE {TEMPORARY} ON COMMIT DROP AS SELECT {columns} FROM {table} \
         WITH NO DATA"
    );
    writer.execute(&create).await.map_err(|error| match error.sqlstate() {
        // Not about the table itself, whose rows could be counted.
        Some(INSUFFICIENT_PRIVILEGE) => context.settings.no_temporary(table),
        _ => of_target(error),
    })?;
    let piped = pipe(&reader, &plan.copy_out(range), &writer, &plan.copy_in(TEMPORARY))
        .await
        .map_err(|(side, source)| context.settings.refused(table, side, source))?;
    if piped.sent != piped.stored {
        let (table, sent, stored) = (table.clone(), piped.sent, piped.stored);
        return Err(IncrementalError::Count { table, sent, stored });
    }
    let insert = format!(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE \
         SELECT {columns} FROM {TEMPORARY} gap WHERE NOT EXISTS \
             (SELECT FROM {table} r WHERE {} = {})",
        plan.key.sql(),
        plan.key.sql_of("gap")
    );
    let rows = writer.execute_counting(&insert).await.map_err(of_target)?;
    // Without the claim, another run may be copying the same rows.
    keeper.execute("SELECT 1").await.map_err(of_target)?;
    writer.commit().await.map_err(of_target)?;
    tracing::info!(table_name = table.name, rows, "gap filled: keys up to {}", range.through);
    Ok(rows)
}
