//! Carries out a restore: the prelude on one session, the rest on as many as are wanted.
//!
//! ```text
//! archive ─▶ decode (rayon) ─▶ bounded channel ─▶ load (tokio) ─▶ COPY, one session or several
//!    │                                               ▲
//!    └── stream ─▶ feed ─▶ conductor ─▶ lanes ───────┘
//! ```
//!
//! What happens is told as [`event::Event`]s. Guarantees: a table's rows are loaded whole or not
//! at all; every wanted entry is told exactly once as done, skipped, tolerated or failed; what is
//! reported as restored has been made durable.

mod analyze;
mod barrier;
mod clean;
mod conductor;
mod context;
mod copy;
mod copy_format;
mod costing;
mod decode;
mod distributed;
pub mod event;
mod failure;
mod feed;
mod foreign_keys;
mod helpers;
mod lane;
mod load;
mod options;
mod orphans;
mod planning;
mod preflight;
mod progress;
pub mod script;
mod settings;
mod share;
mod stages;
pub mod statements;
mod steps;
mod work;
mod workers;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use foreign_keys::ForeignKeys;
pub(crate) use foreign_keys::for_script;
pub use options::{CopyFormat, RestoreOptions, SPLIT_SIZE, Tolerance, Transactions};
pub use planning::{PlanOptions, Planned};
pub use settings::{ServerSetting, SettingError};
pub use stages::{StagePoint, Stages};

use conductor::Conductor;
use context::{Context, Ledger};
use event::{EntryRef, Event, Events, NOT_REACHED};
pub(crate) use failure::chain;
use lane::Lane;
use load::Source;
use work::restore_entry;

use crate::archive::{self, Desc, Entry, Format};
use crate::select::Selection;
use crate::source::{Access, Archive};
use crate::target::{self, Target};
use crate::verify::{TOC_ID, toc_digest};

/// How long to try to cancel what runs, when the restore ends early.
const CANCEL_WITHIN: Duration = Duration::from_secs(5);

/// Result of a restore.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a restore ended before its end. Errors of single entries are told as events instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The archive is damaged or lacks what is wanted.
    #[error(transparent)]
    Archive(archive::Error),
    /// The stream that brings the archive turned out damaged, or stopped. What came before is in
    /// the database.
    #[error(transparent)]
    Stream(archive::Error),
    /// No session could be opened to begin with.
    #[error(transparent)]
    Connect(target::Error),
    /// A session failed outside of any entry.
    #[error(transparent)]
    Target(target::Error),
    /// A session was lost and no other can be had, or none that may go on.
    #[error("{0}")]
    ServerLost(String),
    /// The database could not be created (`--create`): what was meant for it goes nowhere else.
    #[error("the database could not be created, nothing is restored")]
    NoDatabase,
    /// What the caller does at a point inside the restore failed.
    #[error("stopped {point}")]
    Stage {
        /// Where.
        point: StagePoint,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An entry failed, and that was to be the end (`--exit-on-error`).
    #[error("stopped at the first error")]
    Stopped,
    /// The user or the system asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A mistake in this program.
    #[error("{0}")]
    Internal(String),
}

/// How a restore ended that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Failures that count, of entries and of dropping.
    pub errors: usize,
}

/// Restores the selected entries of an archive into a target.
///
/// `shutdown` ends the restore early: running statements are cancelled and their transactions
/// rolled back.
///
/// # Errors
/// When the restore cannot begin or go on. What single entries run into is told as events and
/// counted in [`Ended::errors`].
pub async fn restore(
    archive: Archive,
    selection: &Selection,
    options: RestoreOptions,
    target: Target,
    events: Events,
    shutdown: impl Future<Output = ()>,
) -> Result<Ended> {
    let (context, planned, stream) = prepare(archive, selection, options, events)?;
    let ctx = Arc::new(context);
    // The lack of roles and extensions is known only after the first connection.
    let result = tokio::select! {
        result = Box::pin(run(ctx.clone(), planned, selection, target, stream)) => result,
        () = interrupted(&ctx, shutdown) => Err(Error::Interrupted),
    };
    if let Err(error) = &result {
        // Nobody waits any more for what the sessions may still run.
        let _ = tokio::time::timeout(CANCEL_WITHIN, cancel_all(&ctx)).await;
        ctx.tell_rolled_back();
        ctx.finish_rest(&format!("{NOT_REACHED}: {}", chain(error)));
    }
    result
}

/// Resolves when the restore is to end early. Commits that belong together are let finish, unless
/// the server does not answer.
async fn interrupted(ctx: &Context, shutdown: impl Future<Output = ()>) {
    shutdown.await;
    let _ = tokio::time::timeout(CANCEL_WITHIN, ctx.commits.write()).await;
}

/// The roles that a restore of the selected entries names, and how many entries name each.
#[must_use]
pub fn roles_needed(
    toc: &archive::Toc,
    selection: &Selection,
    style: &statements::Style,
) -> std::collections::BTreeMap<String, usize> {
    preflight::roles_needed(toc, &selection.wants, style)
}

/// Everything that needs no server.
fn prepare(
    archive: Archive,
    selection: &Selection,
    options: RestoreOptions,
    events: Events,
) -> Result<(Context, Planned, Option<crate::source::StreamAccess>)> {
    let toc = archive.toc.clone();
    let wants = selection.wants.clone();
    if let Some(digests) = &options.digests {
        let expected = digests.get(TOC_ID).map(|line| line.digest);
        if expected != Some(toc_digest(&toc)) {
            let what = "its table of contents is not that of the digests".to_owned();
            let error = archive::Error::new(archive::ErrorKind::Damaged(what));
            return Err(Error::Archive(error.in_file(archive.name)));
        }
    }
    for (entry, want) in toc.entries.iter().zip(&wants) {
        if want.data && entry.had_dumper {
            // A truncated archive is better noticed before anything is dropped.
            archive.check_data(entry).map_err(Error::Archive)?;
        }
    }
    let (random, stream) = match archive.access {
        Access::Random(random) => (Some(random), None),
        Access::Stream(stream) => (None, Some(stream)),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs.max(1) * 2)
        .thread_name(|number| format!("decode-{number}"))
        .build()
        .map_err(|error| Error::Internal(format!("cannot start threads: {error}")))?;
    let mut style = options.style.clone();
    // The TOC's text is decoded already, and COPY says its encoding itself.
    "UTF8".clone_into(&mut style.source.encoding);
    let mut ctx = Context {
        archive: archive.name,
        with_schema: selection.dump_schema(),
        toc,
        wants,
        random,
        options,
        style,
        formats: HashMap::new(),
        events,
        pool,
        missing_roles: std::sync::OnceLock::new(),
        missing_extensions: std::sync::OnceLock::new(),
        distributed: std::sync::OnceLock::new(),
        server_life: std::sync::OnceLock::new(),
        workers_are_ours: std::sync::atomic::AtomicBool::new(false),
        cancels: Mutex::default(),
        ledger: Mutex::new(Ledger::default()),
        shares: share::Shares::default(),
        commits: tokio::sync::RwLock::default(),
    };
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
    tell_plan(&ctx);
    if let Some(wall) = planned.predicted(ctx.options.jobs) {
        ctx.events.send(Event::Predicted { wall });
    }
    ctx.tell_foreign_keys(&left_out);
    let one_by_one = archive.format == Format::Tar && ctx.random.is_none();
    let objects =
        |place: &usize| ctx.wants_archived_data(*place) && ctx.entry(*place).desc == Desc::Blobs;
    if ctx.options.digests.is_some() && one_by_one && (0..ctx.wants.len()).any(|p| objects(&p)) {
        let message = "large objects of a tar that comes as a stream are not compared with digests";
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
        jobs: ctx.options.jobs,
    });
}

async fn run(
    ctx: Arc<Context>,
    planned: Planned,
    selection: &Selection,
    target: Target,
    stream: Option<crate::source::StreamAccess>,
) -> Result<Ended> {
    let mut lane = Lane::new(0, target.clone());
    let session = lane.session(&ctx).await.map_err(Error::Connect)?;
    ctx.events.send(Event::Connected {
        target: target.to_string(),
        server_version: session.server_version().to_owned(),
    });
    let _ = ctx.server_life.set(lane::server_life(session).await.map_err(Error::Target)?);
    let (lacking, problems) = preflight::check(&ctx, session).await.map_err(Error::Target)?;
    let _ = ctx.missing_roles.set(lacking.roles);
    let _ = ctx.missing_extensions.set(lacking.extensions);
    if problems > 0 && ctx.options.exit_on_error {
        return Err(Error::Stopped);
    }
    lane.begin_group(&ctx).await.map_err(Error::Target)?;
    if ctx.options.clean && !clean::drop_objects(&ctx, &mut lane, &selection.order).await {
        return Err(Error::Stopped);
    }
    let Planned { plan, costs } = planned;
    for &place in &plan.prelude {
        restore_entry(&ctx, &mut lane, place, Source::Archive).await;
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
        lane.renew(&ctx).await.map_err(Error::Target)?;
    }
    stages::after_pre_data(&ctx, &mut lane).await?;
    if ctx.options.jobs > 1 {
        // Other sessions must see what was created.
        lane.commit_group(&ctx).await.map_err(Error::Target)?;
    }
    let session = lane.session(&ctx).await.map_err(Error::Target)?;
    let _ = ctx.distributed.set(distributed::tables(session).await.map_err(Error::Target)?);
    let mut lanes = open_lanes(&ctx, lane).await;
    lanes.reverse();
    let arrivals = stream.map(|stream| feed::start(stream, &ctx));
    let mut lanes = Conductor::new(ctx.clone(), &plan, costs, lanes, arrivals).run().await?;
    let Some(lane) = lanes.iter_mut().find(|lane| lane.number == 0) else {
        return Err(Error::Internal("the first session is gone".to_owned()));
    };
    lane.commit_group(&ctx).await.map_err(Error::Target)?;
    make_durable(&ctx, lane).await.map_err(Error::Target)?;
    if let Some(place) = ctx.unfinished() {
        let what = format!("{} was forgotten", ctx.entry(place).label());
        return Err(Error::Internal(what));
    }
    let errors = ctx.ledger().errors;
    Ok(Ended { errors })
}

/// The first lane and as many others as are wanted and can be had.
async fn open_lanes(ctx: &Context, first: Lane) -> Vec<Lane> {
    let others = (1..ctx.options.jobs.max(1)).map(|number| {
        let mut lane = Lane::new(number, first.target().clone());
        async move { lane.session(ctx).await.map(drop).map(|()| lane) }
    });
    let others = futures::future::join_all(others).await;
    let mut lanes = vec![first];
    for lane in others {
        match lane {
            Ok(lane) => lanes.push(lane),
            Err(error) => {
                let message = format!("one session less: {}", chain(&error));
                ctx.events.send(Event::Warning { message });
            }
        }
    }
    lanes
}

/// A commit that the server does not confirm before it, and all commits before it, are on disk.
async fn make_durable(ctx: &Context, lane: &mut Lane) -> target::Result<()> {
    lane.renew(ctx).await?;
    let sql = "SET synchronous_commit = on;";
    lane.execute(ctx, sql).await?;
    // A transaction that has an ID has a commit record, which is what is waited for.
    lane.execute(ctx, "SELECT pg_catalog.txid_current();").await
}

/// Cancels what the sessions run.
async fn cancel_all(ctx: &Context) {
    let handles: Vec<_> = ctx
        .cancels
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .drain()
        .map(|(_, h)| h)
        .collect();
    // A server that cannot be reached will notice the closed connections by itself.
    futures::future::join_all(handles.iter().map(target::CancelHandle::cancel)).await;
}

impl From<&Entry> for EntryRef {
    fn from(entry: &Entry) -> Self {
        Self {
            dump_id: entry.dump_id.0,
            desc: entry.desc.as_str().to_owned(),
            schema: entry.namespace.clone(),
            name: entry.tag.clone(),
        }
    }
}
