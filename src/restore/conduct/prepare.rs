//! Prepares a restore, as far as that needs no server.

use std::collections::HashMap;
use std::sync::Arc;

use crate::archive::digests::{TOC_ID, toc_digest};
use crate::archive::{self, Desc, Format, Place};
use crate::restore::conduct::costing::knows_the_rest;
use crate::restore::conduct::helping::workers;
use crate::restore::conduct::planning::{PlanOptions, Planned};
use crate::restore::entry::{foreign_keys, with_oids};
use crate::restore::error::{RestoreError, Result};
use crate::restore::event::{Event, Events};
use crate::restore::facts::Facts;
use crate::restore::journal::open::refuse;
use crate::restore::ledger::Ledger;
use crate::restore::load::copy_format::favoured_formats;
use crate::restore::load::loaded::loaded_in_parts;
use crate::restore::options::RestoreOptions;
use crate::select::Selection;
use crate::source::{Access, Archive, RandomAccess, StreamAccess, bytes_behind};

/// Prepares a restore: its facts, its plan and what can be said about both.
///
/// # Errors
/// When the restore must not start.
pub(crate) fn prepare(
    archive: Archive,
    selection: &Selection,
    options: RestoreOptions,
    events: Events,
    processors: Option<usize>,
) -> Result<(Ledger, Planned, Option<StreamAccess>)> {
    let toc = archive.toc.clone();
    let wants = selection.wants.clone();
    if let Some(digests) = &options.digests {
        let expected = digests.get(TOC_ID).map(|line| line.digest);
        if expected != Some(toc_digest(&toc)) {
            let what = "its table of contents does not match the digest file".to_owned();
            let error = archive::ArchiveError::new(archive::ErrorKind::Damaged(what));
            return Err(RestoreError::Archive(error.in_file(archive.name)));
        }
    }
    for (entry, want) in toc.entries.iter().zip(&wants) {
        if want.data && entry.had_dumper {
            // Notice a truncated archive before anything is dropped.
            archive.check_data(entry).map_err(RestoreError::Archive)?;
        }
    }
    let (random, stream) = match archive.access {
        Access::Random(random) => (Some(random), None),
        Access::Stream(stream) => (None, Some(stream)),
    };
    let style = options.style.clone();
    let mut facts = Facts {
        archive: archive.name,
        with_schema: selection.dump_schema(),
        loaded_in_parts: loaded_in_parts(&toc.entries),
        toc,
        wants,
        random,
        origin: archive.origin,
        options,
        style,
        formats: HashMap::new(),
        events,
        most_sessions: usize::MAX,
    };
    refuse(&facts)?;
    facts.formats = favoured_formats(&facts);
    let size = |place: Place| {
        let random = facts.random.as_ref().filter(|_| facts.wants_archived_data(place))?;
        random.size(facts.entry(place))
    };
    let left_out = foreign_keys::left_out(&facts);
    let planned = Planned::new(
        &facts.toc,
        selection,
        PlanOptions {
            jobs: facts.options.jobs,
            strictly_in_order: facts.options.strictly_in_order,
            foreign_keys: facts.options.foreign_keys,
            analyze: facts.options.analyze,
            streamed: facts.random.is_none(),
        },
        &size,
        &facts.options.history,
    );
    facts.most_sessions = planned.most_sessions();
    let ledger = Ledger::new(Arc::new(facts));
    let facts = &*ledger.facts;
    tell_plan(&ledger);
    with_oids::warn(&facts.toc.entries, &facts.wants, &facts.events);
    let workers = workers(&ledger, processors);
    if let Some(wall) = planned.predicted(workers) {
        facts.events.send(Event::Predicted { wall });
    }
    if knows_the_rest(facts, &planned.costs) {
        let left = planned.at_least(workers);
        facts.events.send(Event::Remaining { left });
    }
    foreign_keys::tell(&ledger, &left_out);
    if let Some(bytes) = facts.random.as_ref().map(RandomAccess::behind).filter(|bytes| *bytes > 0)
    {
        facts.events.send(Event::Warning { message: bytes_behind(bytes) });
    }
    let one_by_one = archive.format == Format::Tar && facts.random.is_none();
    let objects =
        |place: Place| facts.wants_archived_data(place) && facts.entry(place).desc == Desc::Blobs;
    if facts.options.digests.is_some() && one_by_one && facts.toc.places().any(objects) {
        let message = "digests of large objects are not checked in a tar archive that is streamed";
        facts.events.send(Event::Warning { message: message.to_owned() });
    }
    Ok((ledger, planned, stream))
}

fn tell_plan(ledger: &Ledger) {
    let places = || ledger.facts.toc.places();
    let data: Vec<Place> = places().filter(|p| ledger.facts.wants_archived_data(*p)).collect();
    let data_bytes = ledger.facts.random.as_ref().map(|random| {
        data.iter().filter_map(|place| random.size(ledger.facts.entry(*place))).sum()
    });
    ledger.facts.events.send(Event::Planned {
        archive: ledger.facts.archive.clone(),
        entries: ledger.facts.wants.len(),
        wanted: places().filter(|place| ledger.facts.is_wanted(*place)).count(),
        with_data: data.len(),
        data_bytes,
        jobs: ledger.server.sessions(),
    });
}
