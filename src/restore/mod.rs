//! Runs a restore: the prelude on one session, the rest on as many as requested.
//!
//! ```text
//! archive ─▶ decode (rayon) ─▶ bounded channel ─▶ load (tokio) ─▶ COPY, one session or several
//!    │                                               ▲
//!    └── stream ─▶ feed ─▶ conductor ─▶ lanes ───────┘
//! ```
//!
//! Everything is reported as [`event::Event`]s. Guarantees: a table's rows are loaded completely or
//! not at all; every wanted entry is reported exactly once as done, skipped, tolerated or failed;
//! what is reported as restored has been made durable.

mod conduct;
mod entry;
mod error;
pub mod event;
mod facts;
pub mod journal;
mod ledger;
mod load;
mod options;
mod points;
mod server_setting;
mod server_state;
mod session;
mod stream;
mod tolerance;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use crate::archive::{self, Desc, Format};
use crate::error::chain;
use crate::select::Selection;
use crate::source::{Access, Archive, RandomAccess, bytes_behind};
use crate::target::Target;
use crate::target::life::ServerLife;
use crate::verify::{TOC_ID, toc_digest};
use conduct::conductor::Conductor;
use conduct::costing::knows_the_rest;
use conduct::ending::{CANCEL_WITHIN, cancel_all, find_distributed, interrupted, make_durable};
use conduct::opening::find_room;
use entry::foreign_keys;
use entry::work::restore_entry;
use error::JournalError;
use event::{Event, Events, NOT_REACHED};
use facts::Facts;
use ledger::Ledger;
use load::copy_format::favoured_formats;
use load::source::Source;
use session::lane::Lane;

pub use conduct::planning::{PlanOptions, Planned};
pub(crate) use entry::foreign_keys::for_script;
pub(crate) use entry::with_oids::warn as warn_with_oids;
pub use error::{Ended, Error, Result};
pub use options::{CopyFormat, ForeignKeys, READ_AHEAD, RestoreOptions, SplitSize, Transactions};
pub use points::{StagePoint, Stages};
pub use server_setting::{ServerSetting, SettingError};
pub use tolerance::{Tolerance, ToleranceError};

/// Restores the selected entries of an archive into a target.
///
/// `shutdown` ends the restore early: running statements are cancelled and their transactions
/// rolled back.
///
/// # Errors
/// When the restore cannot start or continue. Failures of single entries are reported as events and
/// counted in [`Ended::errors`].
pub async fn restore(
    archive: Archive,
    selection: &Selection,
    options: RestoreOptions,
    target: Target,
    events: Events,
    shutdown: impl Future<Output = ()>,
) -> Result<Ended> {
    let processors = session::machine::processors(&target);
    let (ledger, planned, stream) = prepare(archive, selection, options, events, processors)?;
    let ledger = Arc::new(ledger);
    // Missing roles and extensions are known only after the first connection.
    let (result, _no_commits) = tokio::select! {
        result = Box::pin(run(ledger.clone(), planned, selection, target, stream)) => (result, None),
        no_commits = interrupted(&ledger, shutdown) => (Err(Error::Interrupted), no_commits),
    };
    if let Err(error) = &result {
        // No one waits for running statements any more.
        let _ = tokio::time::timeout(CANCEL_WITHIN, cancel_all(&ledger)).await;
        ledger.tell_rolled_back();
        ledger.finish_rest(&format!("{NOT_REACHED}: {}", chain(error)));
    }
    result
}

/// The roles named by the selected entries, with the number of entries that name each.
#[must_use]
pub fn roles_needed(
    toc: &archive::Toc,
    selection: &Selection,
    style: &crate::statements::Style,
) -> std::collections::BTreeMap<String, usize> {
    entry::preflight::roles_needed(toc, &selection.wants, style)
}

/// Everything that needs no server.
fn prepare(
    archive: Archive,
    selection: &Selection,
    options: RestoreOptions,
    events: Events,
    processors: Option<usize>,
) -> Result<(Ledger, Planned, Option<crate::source::StreamAccess>)> {
    let toc = archive.toc.clone();
    let wants = selection.wants.clone();
    if let Some(digests) = &options.digests {
        let expected = digests.get(TOC_ID).map(|line| line.digest);
        if expected != Some(toc_digest(&toc)) {
            let what = "its table of contents does not match the digest file".to_owned();
            let error = archive::Error::new(archive::ErrorKind::Damaged(what));
            return Err(Error::Archive(error.in_file(archive.name)));
        }
    }
    for (entry, want) in toc.entries.iter().zip(&wants) {
        if want.data && entry.had_dumper {
            // Notice a truncated archive before anything is dropped.
            archive.check_data(entry).map_err(Error::Archive)?;
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
        loaded_in_parts: load::loaded::loaded_in_parts(&toc.entries),
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
    journal::open::refuse(&facts)?;
    facts.formats = favoured_formats(&facts);
    let size = |place: usize| {
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
    warn_with_oids(&facts.toc.entries, &facts.wants, &facts.events);
    let workers = conduct::helping::workers(&ledger, processors);
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
    let objects = |place: &usize| {
        facts.wants_archived_data(*place) && facts.entry(*place).desc == Desc::Blobs
    };
    if facts.options.digests.is_some() && one_by_one && (0..facts.wants.len()).any(|p| objects(&p))
    {
        let message = "digests of large objects are not checked in a tar archive that is streamed";
        facts.events.send(Event::Warning { message: message.to_owned() });
    }
    Ok((ledger, planned, stream))
}

fn tell_plan(ledger: &Ledger) {
    let places = 0..ledger.facts.wants.len();
    let data: Vec<usize> =
        places.clone().filter(|p| ledger.facts.wants_archived_data(*p)).collect();
    let data_bytes = ledger.facts.random.as_ref().map(|random| {
        data.iter().filter_map(|place| random.size(ledger.facts.entry(*place))).sum()
    });
    ledger.facts.events.send(Event::Planned {
        archive: ledger.facts.archive.clone(),
        entries: ledger.facts.wants.len(),
        wanted: places.filter(|place| ledger.facts.is_wanted(*place)).count(),
        with_data: data.len(),
        data_bytes,
        jobs: ledger.server.sessions(),
    });
}

async fn run(
    ledger: Arc<Ledger>,
    planned: Planned,
    selection: &Selection,
    target: Target,
    stream: Option<crate::source::StreamAccess>,
) -> Result<Ended> {
    let facts = ledger.facts.clone();
    let mut lane = Lane::new(0, target.clone(), ledger.clone());
    lane.open_first().await.map_err(Error::Connect)?;
    let session = lane.session().await.map_err(Error::Connect)?;
    facts.events.send(Event::Connected {
        target: target.to_string(),
        server_version: session.server_version().to_owned(),
    });
    let life = ServerLife::of(session).await.map_err(Error::Target)?;
    find_room(&ledger, session).await;
    ledger.server.start_pool()?;
    let journal = journal::open::open(&ledger, session, &life).await?;
    ledger.server.note_life(life);
    let (missing, problems) =
        entry::preflight::check(&facts, session).await.map_err(Error::Target)?;
    lane.journal = journal.clone();
    ledger.server.note_missing(missing);
    if problems > 0 && facts.options.exit_on_error {
        return Err(Error::Stopped);
    }
    lane.begin_group().await.map_err(Error::Target)?;
    if !entry::clean::make_room(&mut lane, &selection.order).await? {
        return Err(Error::Stopped);
    }
    let Planned { mut plan, costs } = planned;
    for &place in &plan.prelude {
        restore_entry(&mut lane, place, Source::archive()).await;
        if facts.options.exit_on_error && ledger.errors() > 0 {
            lane.abandon_group();
            return Err(Error::Stopped);
        }
        if facts.entry(place).desc == Desc::Database && ledger.is_absent(facts.entry(place)) {
            return Err(Error::NoDatabase);
        }
        let lost = ledger.server.take_lost();
        if let Some(why) = lost {
            return Err(Error::ServerLost(why));
        }
        lane.renew().await.map_err(Error::Target)?;
    }
    conduct::at_points::after_pre_data(&mut lane).await?;
    if facts.options.jobs > 1 {
        // Other sessions must see what was created.
        lane.commit_group().await.map_err(Error::Target)?;
    }
    conduct::close::definitions_are_over(&mut lane).await.map_err(Error::Target)?;
    find_distributed(&mut lane).await.map_err(Error::Target)?;
    conduct::row_order::add_waits(&mut lane, &mut plan, &costs).await;
    let stream = stream.map(|stream| stream::feed::start(stream, facts.clone(), journal.clone()));
    let work = Conductor::new(&plan, costs, lane, stream).run();
    let mut lanes = tokio::select! {
        lanes = work => lanes?,
        never = journal.stay_alone() => match never {},
    };
    let Some(lane) = lanes.iter_mut().find(|lane| lane.number == 0) else {
        return Err(Error::Internal("internal error: the first session is missing".to_owned()));
    };
    lane.commit_group().await.map_err(Error::Target)?;
    make_durable(lane).await.map_err(Error::Target)?;
    if let Some(place) = ledger.unfinished() {
        let what = format!("internal error: {} was never finished", facts.entry(place).label());
        return Err(Error::Internal(what));
    }
    conduct::close::close(lane).await.map_err(JournalError::from)?;
    let errors = ledger.errors();
    Ok(Ended { errors })
}
