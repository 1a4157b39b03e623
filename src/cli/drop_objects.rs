//! `nocturne drop-objects`: drops the previous night's objects from the target.

use std::cell::Cell;
use std::fmt::Write;

use tokio_util::sync::CancellationToken;

use super::exit::{CONNECT, CommandFailure, CommandResult, ERRORS, INTERRUPTED, USAGE};
use super::options::DropObjects as Typed;
use super::shared::night::{lock, start_log, target};
use super::shared::output;
use super::shared::threads::until_signal;
use crate::replicate::clean::{self, CleanError, DropPlan};
use crate::replicate::config::{Config, TableMode};
use crate::replicate::night::forget_all;
use crate::report::Verbosity;
use crate::server::{Session, SessionSettings, Target, has_bookkeeping};
use crate::shown::one_line;

/// Runs the command.
pub(super) fn run(typed: &Typed) -> CommandResult {
    let config = typed.settings.config()?;
    start_log(&config, Verbosity::from_flags(typed.quiet, typed.verbose))?;
    let target = target(&config)?;
    until_signal(0, |stop| drop_objects(typed, &config, target, stop))
}

async fn drop_objects(
    typed: &Typed,
    config: &Config,
    target: Target,
    stop: CancellationToken,
) -> CommandResult {
    let _lock = if typed.dry_run { None } else { Some(lock(&target).await?) };
    let session = Session::connect(&target, &SessionSettings::default())
        .await
        .map_err(|error| CommandFailure::of(CONNECT, &error))?;
    // Its records are removed before the objects that they describe.
    has_bookkeeping(&session).await.map_err(|error| CommandFailure::of(ERRORS, &error))?;
    let used: Vec<Cell<bool>> = typed.keep.iter().map(|_| Cell::new(false)).collect();
    let keep = |schema: &str, table: &str| {
        let mut keep = config.restore.tables.mode(schema, table) == TableMode::Incremental;
        for (pattern, used) in typed.keep.iter().zip(&used) {
            if pattern.matches(schema, table) {
                used.set(true);
                keep = true;
            }
        }
        keep
    };
    let failed = |error: CleanError| match error {
        CleanError::Stopped => CommandFailure::new(INTERRUPTED, "interrupted"),
        error => CommandFailure::of(ERRORS, &error),
    };
    // Without an archive, the extensions to be restored are unknown.
    let plan = clean::plan(&session, keep, |_| false).await.map_err(failed)?;
    // A typo must not drop the table that was meant.
    if let Some((pattern, _)) = typed.keep.iter().zip(&used).find(|(_, used)| !used.get()) {
        return Err(CommandFailure::new(USAGE, format!("--keep {pattern}: no such table")));
    }
    if typed.dry_run {
        return output::write(None, describe(&plan).as_bytes());
    }
    for other in &plan.others {
        tracing::warn!(
            "{} {} of {} is also dropped: it depends on a dropped object",
            other.kind,
            other.identity,
            other.owner
        );
    }
    for schema in &plan.shared_schemas {
        tracing::info!("schema {schema} is kept: it contains other owners' objects");
    }
    // An earlier night's restore would resume as if its objects still existed.
    forget_all(&target).await.map_err(|error| CommandFailure::of(ERRORS, &error))?;
    let progress = |progress: clean::DropProgress<'_>| tracing::debug!("dropped {}", progress.drop);
    let timeout = config.restore.drop_timeout;
    clean::execute(&session, &plan, timeout, &stop, progress).await.map_err(failed)?;
    tracing::info!("{} objects dropped, {} tables kept", plan.drops.len(), plan.kept.len());
    Ok(())
}

/// The plan as a script. Names with line breaks stay within their comment.
fn describe(plan: &DropPlan) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    for table in &plan.kept {
        let _ = writeln!(text, "-- kept: table {}", one_line(&table.to_string()));
    }
    for schema in &plan.shared_schemas {
        let schema = one_line(schema);
        let _ = writeln!(text, "-- kept, contains other owners' objects: schema {schema}");
    }
    for extension in &plan.extensions {
        let _ = writeln!(text, "-- kept: extension {}", one_line(extension));
    }
    for other in &plan.others {
        let also = format!("{} {} of {}", other.kind, other.identity, other.owner);
        let _ = writeln!(text, "-- also dropped: {}", one_line(&also));
    }
    for drop in &plan.drops {
        let _ = writeln!(text, "{};", drop.sql);
    }
    if plan.drops.is_empty() {
        text.push_str("-- nothing to drop\n");
    }
    text
}
