//! `nocturne plan`: prints a restore's plan and predicted duration.

use std::num::NonZero;
use std::thread::available_parallelism;

use super::exit::{CommandFailure, CommandResult, ERRORS, USAGE};
use super::options::values::Jobs;
use super::options::{PlanArgs, PlanFormat};
use super::shared::input::input;
use super::shared::threads::automatic_jobs;
use super::shared::{choose, costs, output};
use crate::archive::{Desc, Entry, Place};
use crate::plan::{JobId, Workers};
use crate::report::Screen;
use crate::report::plan::{Given, PlanReport, Subject};
use crate::restore::{PlanOptions, Planned};
use crate::source::{self, Access, Sizes};

/// Runs the command.
pub(super) fn run(typed: &PlanArgs) -> CommandResult {
    output::start_log()?;
    let options = choose::options(&typed.selection, typed.create)?;
    let archive = source::open(&input(typed.archive.as_deref())?)?;
    let events = output::warnings(&Screen::plain());
    let toc = archive.toc.clone();
    let chosen = choose::choose(&toc, &options, &typed.selection, &events)?;
    let streamed = matches!(archive.access, Access::Stream(_));
    let sizes = sizes(archive.access, &toc.entries)?;
    let history = costs::open(&typed.costs, &events);
    let past = history.costs.database(&toc.header.dbname);
    let jobs = match typed.jobs {
        Some(Jobs::Count(count)) => count.get(),
        _ if chosen.reordered || !chosen.selection.dump_schema() => 1,
        _ => automatic_jobs(),
    };
    let options = PlanOptions {
        jobs,
        strictly_in_order: jobs == 1,
        foreign_keys: typed.foreign_keys,
        analyze: typed.analyze,
        streamed,
    };
    let size = |place: Place| sizes.get(&toc.at(place).dump_id).copied();
    let planned = Planned::new(&toc, &chosen.selection, options, &size, &history.costs);
    let jobs = jobs.min(planned.most_sessions());
    let Planned { mut plan, mut costs } = planned;
    let mut given = Vec::new();
    for as_if in &typed.as_if {
        let kind = Desc::from_text(&as_if.kind);
        let of_kind: Vec<JobId> = (0..plan.jobs.len())
            .map(JobId)
            .filter(|id| {
                let job = &plan.jobs[id.0];
                job.wanted && !job.step.is_analyze() && toc.at(job.entry).desc == kind
            })
            .collect();
        if of_kind.is_empty() {
            let message = format!("--as-if: no job restores an entry of kind {}", as_if.kind);
            return Err(CommandFailure::new(USAGE, message));
        }
        costs.scale(&of_kind, as_if.time);
        given.push(Given { kind: as_if.kind.clone(), seconds: as_if.time });
    }
    // Assumes that the server runs here, as the default number of jobs does.
    let workers = Workers::with_processors(jobs, available_parallelism().ok().map(NonZero::get));
    let subject = Subject {
        archive: &archive.name,
        database: &toc.header.dbname,
        entries: &toc.entries,
        history: past,
        workers,
        compare: typed.compare,
    };
    let report = PlanReport::new(subject, &mut plan, &costs, given);
    let text = match typed.format {
        PlanFormat::Text => report.to_string(),
        PlanFormat::Json => {
            let json = report.json().map_err(|error| CommandFailure::of(ERRORS, &error))?;
            return output::write_json(typed.file.as_deref(), &json);
        }
        PlanFormat::Dot => report.dot(),
        PlanFormat::Html => report.page(),
    };
    output::write(typed.file.as_deref(), text.as_bytes())
}

/// The sizes of the entries' data. A stream has to be read to its end.
fn sizes(access: Access, entries: &[Entry]) -> Result<Sizes, CommandFailure> {
    match access {
        Access::Random(random) => {
            let sized = |entry: &Entry| Some((entry.dump_id, random.size(entry)?));
            Ok(entries.iter().filter_map(sized).collect())
        }
        Access::Stream(stream) => Ok(stream.sizes()?),
    }
}
