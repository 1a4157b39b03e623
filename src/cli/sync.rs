//! `nocturne sync`: makes a database equal to an archive by changing what differs.

use super::exit::{CommandFailure, CommandResult, ERRORS, USAGE};
use super::options::Sync;
use super::shared::input::input;
use super::shared::restoring::{self, Typed};
use super::shared::threads::{self, interrupted};
use super::shared::{choose, costs, output, results};
use crate::report::summary::{Synced, SyncedTable};
use crate::report::timeline::TimelineReader;
use crate::report::{LogFormat, ReportOptions, Reporter, Screen};
use crate::restore::Ended;
use crate::restore::event::Event;
use crate::source;
use crate::sync::{SyncError, SyncOptions, SyncReport, TableReport, WhenFull, sync};

/// Runs the command.
pub(super) fn run(typed: &Sync) -> CommandResult {
    results::reported(typed.reporting, |report, screen| run_reported(typed, report, screen))
}

fn run_reported(typed: &Sync, report: ReportOptions, screen: &Screen) -> CommandResult {
    let Some(target) = restoring::target(&typed.connection)? else {
        let hint = "name the database with -d, PGDATABASE, PGSERVICE or DATABASE_URL";
        return Err(CommandFailure::new(USAGE, "no target given").with_hint(hint));
    };
    results::check(&typed.results, None, typed.archive.as_deref())?;
    let select_options = choose::options(&typed.selection, false)?;
    threads::room_for(0)?;
    let archive = source::open(&input(typed.archive.as_deref())?)?;
    restoring::check_format(&typed.behaviour, &archive)?;

    let reporter = Reporter::new(report, screen);
    let recorder = typed.results.timeline.is_some().then(TimelineReader::new);
    let events = reporter.events().read_by(recorder.as_ref().map(TimelineReader::reader));
    let chosen = choose::choose(&archive.toc, &select_options, &typed.selection, &events)?;
    let Sync { connection, properties, behaviour, changes, .. } = typed;
    let restored = Typed { connection, properties, behaviour, create: false };
    let history = costs::open(&typed.costs, &events);
    let mut restore = restoring::options(&restored, &archive, &chosen)?;
    restore.history = history.costs.clone();
    let defaults = SyncOptions::default();
    let options = SyncOptions {
        restore,
        full: if changes.no_full { WhenFull::Fail } else { WhenFull::Restore },
        from_scratch: changes.from_scratch,
        adopt: changes.adopt,
        dry_run: changes.dry_run,
        patch_limit: changes.patch_limit.map_or(defaults.patch_limit, u32::from),
    };
    let database = archive.toc.header.dbname.clone();
    let runtime = threads::runtime(options.restore.jobs)?;
    let synced = runtime.block_on(async {
        for warning in target.warnings() {
            events.send(Event::Warning { message: warning.clone() });
        }
        let told = events.clone().read_by([history.reader()]);
        sync(archive, &chosen.selection, options, target, told, interrupted()).await
    });
    // Do not wait for a thread that reads the archive.
    runtime.shutdown_background();
    if let Ok(SyncReport { restored: Some(Ended { errors: 0 }), .. }) = synced
        && let Err(error) = history.save(&database, true)
    {
        costs::warn(&error, &events);
    }
    if changes.dry_run {
        drop(reporter);
        return print(&synced?, report.format);
    }
    conclude(typed, reporter, recorder.as_ref(), synced)
}

/// Reports the result: the summary, its file, the exit code.
fn conclude(
    typed: &Sync,
    reporter: Reporter,
    recorder: Option<&TimelineReader>,
    synced: Result<SyncReport, SyncError>,
) -> CommandResult {
    let result = match synced {
        // Nothing was changed, so there is nothing to summarize.
        Err(error) if !matches!(error, SyncError::Restore(_)) => {
            drop(reporter);
            return Err(error.into());
        }
        result => result,
    };
    let summary = reporter.finish();
    results::write(&typed.results, recorder, &summary)?;
    let errors = result?.restored.map_or(0, |Ended { errors }| errors);
    if errors > 0 || summary.errors() > 0 {
        return Err(CommandFailure::told(ERRORS));
    }
    Ok(())
}

/// Prints what would change.
fn print(report: &SyncReport, format: LogFormat) -> CommandResult {
    let synced = described(report);
    match format {
        LogFormat::Json => {
            let json = serde_json::to_string_pretty(&synced);
            let json = json.map_err(|error| CommandFailure::of(ERRORS, &error))?;
            output::write_json(None, &(json + "\n"))
        }
        LogFormat::Text => {
            let text = format!("{}{}\n", synced.table(), synced.expected());
            output::write(None, text.as_bytes())
        }
    }
}

fn described(report: &SyncReport) -> Synced {
    Synced {
        restored_for: report.full.iter().map(ToString::to_string).collect(),
        tables: report.tables.iter().map(table).collect(),
        sequences: report.sequences as u64,
        views: report.views as u64,
    }
}

fn table(table: &TableReport) -> SyncedTable {
    let TableReport { schema, name, answer, rows_in, rows_out, reason } = table;
    SyncedTable {
        schema: schema.clone(),
        name: name.clone(),
        answer: *answer,
        rows_in: *rows_in,
        rows_out: *rows_out,
        reason: reason.as_ref().map(ToString::to_string),
    }
}
