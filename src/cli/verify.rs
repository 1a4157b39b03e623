//! `nocturne verify`: whether an archive is sound. With a database, [`super::compare`] goes on.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::Verify;
use super::exit::{ARCHIVE, ERRORS, Failure, Outcome, USAGE};
use super::values::{Jobs, OutputFormat};
use super::{choose, compare, input, list, threads};
use crate::archive::DumpId;
use crate::report::ProgressMode;
use crate::source;
use crate::verify::{Digests, Progress, VerifyOptions, verify};

/// Runs the command.
pub(super) fn run(typed: &Verify) -> Outcome {
    let options = choose::options(&typed.selection, true)?;
    let expected = typed.digests.as_deref().map(read_digests).transpose()?;
    let input = input(typed.archive.as_deref())?;
    let archive = source::open(&input)?;
    let chosen = choose::choose(&archive.toc, &options, &typed.selection, &list::warnings())?;
    let jobs = match typed.jobs {
        Some(Jobs::Count(count)) => count,
        _ => available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    list::check_writable(typed.write_digests.as_deref())?;
    if typed.database.dbname.is_some() {
        return compare::run(typed, archive, &input, &chosen, jobs, &bar(typed));
    }
    let wanted: HashSet<DumpId> = chosen
        .selection
        .wanted()
        .filter(|place| chosen.selection.want(*place).data)
        .map(|place| archive.toc.entries[place].dump_id)
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
    let bar = bar(typed);
    let report = verify(archive, &options, &|progress| show(&bar, progress));
    bar.finish_and_clear();

    let text = match typed.format {
        OutputFormat::Text => report.to_string(),
        OutputFormat::Json => report.json().map_err(|error| Failure::of(ERRORS, &error))? + "\n",
    };
    list::write(None, text.as_bytes())?;
    if !report.is_intact() {
        // The report has said what is wrong.
        return Err(Failure::told(ARCHIVE));
    }
    let found = report.digests();
    if let Some(path) = &typed.write_digests {
        list::write(Some(path), found.to_string().as_bytes())?;
    }
    let differences = expected.map(|expected| expected.compare(&found, report.partial));
    match differences.as_deref() {
        None | Some([]) => Ok(()),
        Some(differences) => {
            let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
            let message = format!("the archive is not that of the digests:\n{}", lines.join("\n"));
            Err(Failure::new(ERRORS, message))
        }
    }
}

/// Reads a file that `--write-digests` wrote.
pub(super) fn read_digests(path: &Path) -> Result<Digests, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(USAGE, format!("cannot read {}: {error}", path.display())))?;
    Digests::parse(&text)
        .map_err(|error| Failure::new(USAGE, format!("{}: {error}", path.display())))
}

/// A bar on standard error, if that is a terminal and nobody asked for quiet.
fn bar(typed: &Verify) -> ProgressBar {
    let reporting = &typed.reporting;
    let silent =
        reporting.quiet || matches!(reporting.progress, ProgressMode::None | ProgressMode::Log);
    let target = if silent { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    let template =
        "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Shows how far the reading is.
pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    if let Some(size) = progress.size {
        bar.set_length(size);
    }
    bar.set_position(progress.read);
    bar.set_message(format!("{}/{} entries", progress.entries_done, progress.entries));
}
