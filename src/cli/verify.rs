//! `nocturne verify`: checks that an archive is intact. [`super::compare`] compares it with a
//! database.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;

use indicatif::{ProgressBar, ProgressStyle};

use super::args::Verify;
use super::exit::{ARCHIVE, CommandFailure, CommandResult, ERRORS, USAGE};
use super::values::{Jobs, OutputFormat};
use super::{choose, compare, input, list, threads};
use crate::archive::DumpId;
use crate::report::{ReportOptions, Screen, Verbosity, telemetry};
use crate::source;
use crate::verify::{Digests, VerifyOptions, VerifyProgress, verify};

/// Runs the command.
pub(super) fn run(typed: &Verify) -> CommandResult {
    let screen = screen(typed)?;
    let options = choose::options(&typed.selection, true)?;
    let expected = typed.digests.as_deref().map(read_digests).transpose()?;
    let input = input(typed.archive.as_deref())?;
    let archive = source::open(&input)?;
    let chosen =
        choose::choose(&archive.toc, &options, &typed.selection, &list::warnings(&screen))?;
    let jobs = match typed.jobs {
        Some(Jobs::Count(count)) => count,
        _ => available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    list::check_apart(typed.write_digests.as_deref(), typed.archive.as_deref())?;
    list::check_writable(typed.write_digests.as_deref())?;
    if typed.database.dbname.is_some() {
        return compare::run(typed, archive, &input, &chosen, jobs, &screen);
    }
    let wanted: HashSet<DumpId> = chosen
        .selection
        .wanted()
        .filter(|place| chosen.selection.want(*place).data)
        .map(|place| archive.toc.at(place).dump_id)
        .collect();
    let all = archive.toc.entries.iter().filter(|entry| entry.had_dumper).count();
    let partial = archive
        .toc
        .entries
        .iter()
        .filter(|entry| entry.had_dumper && wanted.contains(&entry.dump_id))
        .count()
        < all;
    let options = VerifyOptions {
        jobs,
        wanted: partial.then_some(wanted),
        digests: expected.is_some() || typed.write_digests.is_some(),
        rows: None,
    };
    threads::room_for(jobs.get())?;
    let bar = bar(&screen);
    let report = verify(archive, &options, &|progress| show(&bar, progress));
    bar.finish_and_clear();

    match typed.format {
        OutputFormat::Text => list::write(None, report.to_string().as_bytes())?,
        OutputFormat::Json => {
            let json = report.json().map_err(|error| CommandFailure::of(ERRORS, &error))?;
            list::write_json(None, &(json + "\n"))?;
        }
    }
    if !report.is_intact() {
        // The report lists the damage.
        return Err(CommandFailure::told(ARCHIVE));
    }
    let found = report.digests();
    if let Some(path) = &typed.write_digests {
        list::write(Some(path), found.to_string().as_bytes())?;
    }
    let differences = expected.map(|expected| expected.compare(&found, report.partial));
    match differences.as_deref() {
        None | Some([]) => Ok(()),
        Some(differences) => {
            let failure =
                CommandFailure::new(ERRORS, "the archive does not match the digest file:");
            Err(failure.with_details(differences.iter().map(ToString::to_string)))
        }
    }
}

/// Reads a file written by `--write-digests`.
pub(super) fn read_digests(path: &Path) -> Result<Digests, CommandFailure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CommandFailure::new(USAGE, format!("cannot read {}: {error}", path.display()))
    })?;
    Digests::parse(&text)
        .map_err(|error| CommandFailure::new(USAGE, format!("{}: {error}", path.display())))
}

/// Standard error, with a bar unless disabled, and with warnings from lower layers.
fn screen(typed: &Verify) -> Result<Screen, CommandFailure> {
    let reporting = &typed.reporting;
    let verbosity = Verbosity::from_flags(reporting.quiet, reporting.verbose);
    let report =
        ReportOptions { progress: reporting.progress, format: reporting.log_format, verbosity };
    let screen = Screen::new(&report);
    // The result reports what was done.
    let verbosity = if reporting.verbose > 0 { verbosity } else { Verbosity::Quiet };
    telemetry::init(&ReportOptions { verbosity, ..report }, &screen)
        .map_err(|error| CommandFailure::of(USAGE, &error))?;
    Ok(screen)
}

/// A progress bar, if the screen shows any.
pub(super) fn bar(screen: &Screen) -> ProgressBar {
    let Some(bars) = screen.bars() else { return ProgressBar::hidden() };
    let bar = bars.add(ProgressBar::no_length());
    let template =
        "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Shows the reader's progress.
pub(super) fn show(bar: &ProgressBar, progress: VerifyProgress) {
    if let Some(size) = progress.size {
        bar.set_length(size);
    }
    bar.set_position(progress.read);
    bar.set_message(format!("{}/{} entries", progress.entries_done, progress.entries));
}
