//! `nocturne report`: summarizes the logs of nightly runs.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::Path;

use chrono::NaiveDate;
use serde::Serialize;

use super::exit::{CommandFailure, CommandResult, ERRORS, USAGE};
use super::options::Report;
use super::options::values::ReportFormat;
use super::shared::night::locale;
use super::shared::{output, say};
use crate::replicate::logs::Log;
use crate::replicate::run_report::LoggedRun;
use crate::replicate::{logs, run_report};

/// Runs the command.
pub(super) fn run(typed: &Report) -> CommandResult {
    let path = typed.logs.as_deref().filter(|path| *path != Path::new("-"));
    if typed.logs.is_none() && io::stdin().is_terminal() {
        return Err(CommandFailure::new(USAGE, "no log given (use \"-\" for standard input)"));
    }
    let name = path.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let log = read(path)
        .map_err(|error| CommandFailure::new(ERRORS, format!("cannot read {name}: {error}")))?;
    if log.cut {
        say(&format!("nocturne: warning: {name} is too large: its last lines were skipped"));
    }
    let runs = chosen(log, typed.date, &name)?;
    let text = match typed.format {
        ReportFormat::Text => run_report::text::report(&runs, typed.lang.unwrap_or_else(locale)),
        ReportFormat::Json => return output::write_json(typed.file.as_deref(), &json(&runs)?),
        ReportFormat::Html => run_report::page(&runs, &title(&runs)),
    };
    output::write(typed.file.as_deref(), text.as_bytes())
}

fn read(path: Option<&Path>) -> io::Result<Log> {
    match path {
        Some(path) => logs::read(File::open(path)?),
        None => logs::read(io::stdin().lock()),
    }
}

/// The day's runs, or all. If there are none, the failure lists the days with runs.
fn chosen(log: Log, date: Option<NaiveDate>, name: &str) -> Result<Vec<LoggedRun>, CommandFailure> {
    if log.runs.is_empty() {
        let message = format!("{name} has no run ({} lines read)", log.lines);
        return Err(CommandFailure::new(ERRORS, message));
    }
    let Some(date) = date else { return Ok(log.runs) };
    let mut days: Vec<String> =
        log.runs.iter().map(|run| run.start().date_naive().to_string()).collect();
    days.dedup();
    let runs: Vec<LoggedRun> =
        log.runs.into_iter().filter(|run| run.start().date_naive() == date).collect();
    if runs.is_empty() {
        let message = format!("{name} has no run on {date}, only on {}", days.join(", "));
        return Err(CommandFailure::new(ERRORS, message));
    }
    Ok(runs)
}

#[derive(Serialize)]
struct Object<'a> {
    runs: Vec<RunObject<'a>>,
}

/// A run with derived figures.
#[derive(Serialize)]
struct RunObject<'a> {
    complete: bool,
    shape: run_report::Shape,
    phases: run_report::Phases,
    kinds: Vec<crate::report::timeline::KindTotals>,
    #[serde(flatten)]
    run: &'a LoggedRun,
}

fn json(runs: &[LoggedRun]) -> Result<String, CommandFailure> {
    let runs = runs
        .iter()
        .map(|run| RunObject {
            complete: run.is_complete(),
            shape: run.shape(),
            phases: run.phases(),
            kinds: run.totals().kinds,
            run,
        })
        .collect();
    let json = serde_json::to_string_pretty(&Object { runs });
    json.map(|json| json + "\n").map_err(|error| CommandFailure::of(ERRORS, &error))
}

/// `Night of 2020-10-22`, or the first and last day.
fn title(runs: &[LoggedRun]) -> String {
    let day = |run: Option<&LoggedRun>| run.map(|run| run.start().date_naive().to_string());
    match (day(runs.first()), day(runs.last())) {
        (Some(first), Some(last)) if first != last => format!("Nights of {first} to {last}"),
        (Some(day), _) => format!("Night of {day}"),
        _ => "Nights".to_owned(),
    }
}
