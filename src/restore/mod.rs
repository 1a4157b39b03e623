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
mod context;
mod entry;
mod error;
pub mod event;
pub mod journal;
mod load;
mod options;
mod points;
mod server_setting;
mod session;
mod stream;
mod tolerance;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

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
use context::{Context, Ledger};
use entry::work::restore_entry;
use error::JournalError;
use event::{Event, Events, NOT_REACHED};
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
    let (context, planned, stream) = prepare(archive, selection, options, events, processors)?;
    let ctx = Arc::new(context);
    // Missing roles and extensions are known only after the first connection.
    let (result, _no_commits) = tokio::select! {
        result = Box::pin(run(ctx.clone(), planned, selection, target, stream)) => (result, None),
        no_commits = interrupted(&ctx, shutdown) => (Err(Error::Interrupted), no_commits),
    };
    if let Err(error) = &result {
        // No one waits for running statements any more.
        let _ = tokio::time::timeout(CANCEL_WITHIN, cancel_all(&ctx)).await;
        ctx.tell_rolled_back();
        ctx.finish_rest(&format!("{NOT_REACHED}: {}", chain(error)));
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
) -> Result<(Context, Planned, Option<crate::source::StreamAccess>)> {
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
    let mut ctx = Context {
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
        pool: std::sync::OnceLock::new(),
        most_sessions: usize::MAX,
        room: std::sync::OnceLock::new(),
        missing_roles: std::sync::OnceLock::new(),
        missing_extensions: std::sync::OnceLock::new(),
        distributed: std::sync::OnceLock::new(),
        reading: std::sync::OnceLock::new(),
        server_life: std::sync::OnceLock::new(),
        workers_are_ours: std::sync::atomic::AtomicBool::new(false),
        cancels: Mutex::default(),
        ledger: Mutex::new(Ledger::default()),
        commits: tokio::sync::RwLock::default(),
    };
    journal::open::refuse(&ctx)?;
    ctx.formats = ctx.learned_formats();
    let size = |place: usize| {
        let random = ctx.random.as_ref().filter(|_| ctx.wants_archived_data(place))?;
        random.size(ctx.entry(place))
    };
    let left_out = ctx.left_out();
    let planned = Planned::new(
        &ctx.toc,
        selection,
        PlanOptions {
            jobs: ctx.options.jobs,
            strictly_in_order: ctx.options.strictly_in_order,
            foreign_keys: ctx.options.foreign_keys,
            analyze: ctx.options.analyze,
            streamed: ctx.random.is_none(),
        },
        &size,
        &ctx.options.history,
    );
    ctx.most_sessions = planned.most_sessions();
    tell_plan(&ctx);
    warn_with_oids(&ctx.toc.entries, &ctx.wants, &ctx.events);
    let workers = conduct::helping::workers(&ctx, processors);
    if let Some(wall) = planned.predicted(workers) {
        ctx.events.send(Event::Predicted { wall });
    }
    if knows_the_rest(&ctx, &planned.costs) {
        let left = planned.at_least(workers);
        ctx.events.send(Event::Remaining { left });
    }
    ctx.tell_foreign_keys(&left_out);
    if let Some(bytes) = ctx.random.as_ref().map(RandomAccess::behind).filter(|bytes| *bytes > 0) {
        ctx.events.send(Event::Warning { message: bytes_behind(bytes) });
    }
    let one_by_one = archive.format == Format::Tar && ctx.random.is_none();
    let objects =
        |place: &usize| ctx.wants_archived_data(*place) && ctx.entry(*place).desc == Desc::Blobs;
    if ctx.options.digests.is_some() && one_by_one && (0..ctx.wants.len()).any(|p| objects(&p)) {
        let message = "digests of large objects are not checked in a tar archive that is streamed";
        ctx.events.send(Event::Warning { message: message.to_owned() });
    }
    Ok((ctx, planned, stream))
}

fn tell_plan(ctx: &Context) {
    let places = 0..ctx.wants.len();
    let data: Vec<usize> = places.clone().filter(|p| ctx.wants_archived_data(*p)).collect();
    let data_bytes = ctx
        .random
        .as_ref()
        .map(|random| data.iter().filter_map(|place| random.size(ctx.entry(*place))).sum());
    ctx.events.send(Event::Planned {
        archive: ctx.archive.clone(),
        entries: ctx.wants.len(),
        wanted: places.filter(|place| ctx.is_wanted(*place)).count(),
        with_data: data.len(),
        data_bytes,
        jobs: ctx.sessions(),
    });
}

async fn run(
    ctx: Arc<Context>,
    planned: Planned,
    selection: &Selection,
    target: Target,
    stream: Option<crate::source::StreamAccess>,
) -> Result<Ended> {
    let mut lane = Lane::new(0, target.clone(), ctx.clone());
    lane.open_first().await.map_err(Error::Connect)?;
    let session = lane.session().await.map_err(Error::Connect)?;
    ctx.events.send(Event::Connected {
        target: target.to_string(),
        server_version: session.server_version().to_owned(),
    });
    let life = ServerLife::of(session).await.map_err(Error::Target)?;
    find_room(&ctx, session).await;
    ctx.start_pool()?;
    let journal = journal::open::open(&ctx, session, &life).await?;
    let _ = ctx.server_life.set(life);
    let (lacking, problems) =
        entry::preflight::check(&ctx, session).await.map_err(Error::Target)?;
    lane.journal = journal.clone();
    let _ = ctx.missing_roles.set(lacking.roles);
    let _ = ctx.missing_extensions.set(lacking.extensions);
    if problems > 0 && ctx.options.exit_on_error {
        return Err(Error::Stopped);
    }
    lane.begin_group().await.map_err(Error::Target)?;
    if !entry::clean::make_room(&mut lane, &selection.order).await? {
        return Err(Error::Stopped);
    }
    let Planned { mut plan, costs } = planned;
    for &place in &plan.prelude {
        restore_entry(&mut lane, place, Source::archive()).await;
        if ctx.options.exit_on_error && ctx.ledger().errors > 0 {
            lane.abandon_group();
            return Err(Error::Stopped);
        }
        if ctx.entry(place).desc == Desc::Database && ctx.is_absent(ctx.entry(place)) {
            return Err(Error::NoDatabase);
        }
        let lost = ctx.ledger().server_lost.take();
        if let Some(why) = lost {
            return Err(Error::ServerLost(why));
        }
        lane.renew().await.map_err(Error::Target)?;
    }
    conduct::at_points::after_pre_data(&mut lane).await?;
    if ctx.options.jobs > 1 {
        // Other sessions must see what was created.
        lane.commit_group().await.map_err(Error::Target)?;
    }
    conduct::close::definitions_are_over(&mut lane).await.map_err(Error::Target)?;
    find_distributed(&mut lane).await.map_err(Error::Target)?;
    conduct::row_order::add_waits(&mut lane, &mut plan, &costs).await;
    let stream = stream.map(|stream| stream::feed::start(stream, ctx.clone(), journal.clone()));
    let work = Conductor::new(ctx.clone(), &plan, costs, lane, stream).run();
    let mut lanes = tokio::select! {
        lanes = work => lanes?,
        never = journal.stay_alone() => match never {},
    };
    let Some(lane) = lanes.iter_mut().find(|lane| lane.number == 0) else {
        return Err(Error::Internal("internal error: the first session is missing".to_owned()));
    };
    lane.commit_group().await.map_err(Error::Target)?;
    make_durable(lane).await.map_err(Error::Target)?;
    if let Some(place) = ctx.unfinished() {
        let what = format!("internal error: {} was never finished", ctx.entry(place).label());
        return Err(Error::Internal(what));
    }
    conduct::close::close(lane).await.map_err(JournalError::from)?;
    let errors = ctx.ledger().errors;
    Ok(Ended { errors })
}
