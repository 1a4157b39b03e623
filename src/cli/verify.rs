//! `nocturne verify`: checks that an archive is intact. [`super::compare`] compares it with a
//! database.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use super::compare;
use super::exit::{ARCHIVE, CommandFailure, CommandResult, ERRORS, USAGE};
use super::options::Verify;
use super::options::values::{Jobs, OutputFormat};
use super::shared::input::{input, read_digests};
use super::shared::{choose, output, threads};
use crate::archive::DumpId;
use crate::report::{ReportOptions, Screen, Verbosity, telemetry};
use crate::source;
use crate::verify::{VerifyOptions, verify};

/// Runs the command.
pub(super) fn run(typed: &Verify) -> CommandResult {
    let screen = screen(typed)?;
    let options = choose::options(&typed.selection, true)?;
    let expected = typed.digests.as_deref().map(read_digests).transpose()?;
    let input = input(typed.archive.as_deref())?;
    let archive = source::open(&input)?;
    let chosen =
        choose::choose(&archive.toc, &options, &typed.selection, &output::warnings(&screen))?;
    let jobs = match typed.jobs {
        Some(Jobs::Count(count)) => count,
        _ => available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    output::check_apart(typed.write_digests.as_deref(), typed.archive.as_deref())?;
    output::check_writable(typed.write_digests.as_deref())?;
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
    let bar = output::bar(&screen, "{msg} ");
    let report = verify(archive, &options, &|progress| output::show(&bar, progress));
    bar.finish_and_clear();

    match typed.format {
        OutputFormat::Text => output::write(None, report.to_string().as_bytes())?,
        OutputFormat::Json => {
            let json = report.json().map_err(|error| CommandFailure::of(ERRORS, &error))?;
            output::write_json(None, &(json + "\n"))?;
        }
    }
    if !report.is_intact() {
        // The report lists the damage.
        return Err(CommandFailure::told(ARCHIVE));
    }
    let found = report.digests();
    if let Some(path) = &typed.write_digests {
        output::write(Some(path), found.to_string().as_bytes())?;
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
