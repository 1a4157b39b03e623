//! How a restore or a sync is shown while it runs, and the files with its results.

use std::io::IsTerminal;
use std::path::Path;

use super::output::{self, unwritable};
use crate::cli::exit::{CommandFailure, CommandResult, ERRORS, USAGE};
use crate::cli::options::{Reporting, Results};
use crate::report::timeline::TimelineReader;
use crate::report::{
    LogFormat, ProgressMode, ReportOptions, Screen, Summary, Verbosity, telemetry,
};

/// Runs a command with the log on standard error.
pub(crate) fn reported(
    reporting: Reporting,
    run: impl FnOnce(ReportOptions, &Screen) -> CommandResult,
) -> CommandResult {
    let report = ReportOptions {
        progress: progress(reporting),
        format: reporting.log_format,
        verbosity: Verbosity::from_flags(reporting.quiet, reporting.verbose),
    };
    let screen = Screen::new(&report);
    telemetry::init(&report, &screen).map_err(|error| CommandFailure::of(USAGE, &error))?;
    let outcome = run(report, &screen);
    match report.format {
        LogFormat::Text => outcome,
        LogFormat::Json => outcome.map_err(CommandFailure::logged),
    }
}

/// The effective `--progress`. A pipe or cron's output file, where pg_restore writes only problems,
/// gets no line per entry unless requested.
fn progress(reporting: Reporting) -> ProgressMode {
    let wants_lines = reporting.verbose > 0
        || reporting.log_format == LogFormat::Json
        || telemetry::is_set_by_environment();
    match reporting.progress {
        ProgressMode::Auto if !wants_lines && !std::io::stderr().is_terminal() => {
            ProgressMode::None
        }
        asked => asked,
    }
}

/// Fails early if a file cannot be written, or is the archive.
pub(crate) fn check<'a>(
    results: &'a Results,
    others: impl IntoIterator<Item = &'a Path>,
    archive: Option<&Path>,
) -> CommandResult {
    let Results { summary, timeline } = results;
    let files = || [summary, timeline].into_iter().flatten().map(AsRef::as_ref);
    output::check_apart(files().chain(others), archive)?;
    output::check_writable(files())
}

/// Writes the files.
pub(crate) fn write(
    results: &Results,
    recorder: Option<&TimelineReader>,
    summary: &Summary,
) -> CommandResult {
    if let (Some(path), Some(recorder)) = (&results.timeline, recorder) {
        write_timeline(path, recorder)?;
    }
    if let Some(path) = &results.summary {
        let file = std::fs::File::create(path);
        file.and_then(|file| summary.write_json(file)).map_err(unwritable(path))?;
    }
    Ok(())
}

/// Writes a page, or raw spans if the name ends in `.json`.
fn write_timeline(path: &Path, recorder: &TimelineReader) -> CommandResult {
    let recording = recorder.finish();
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        recording.write_json(&mut bytes).map_err(|error| CommandFailure::of(ERRORS, &error))?;
    } else {
        bytes = recording.page().into_bytes();
    }
    output::write(Some(path), &bytes)
}
