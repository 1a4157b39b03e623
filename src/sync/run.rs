//! One sync, from the first session to COMMIT.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::archive::{Desc, Place, Toc};
use crate::restore::event::{Event, Events};
use crate::restore::journal::differences;
use crate::rows::RowSetKey;
use crate::select::Selection;
use crate::server::Session;
use crate::source::{Access, Archive};
use crate::sync::after::{ChangedTable, tidy};
use crate::sync::apply::{Apply, Outcome};
use crate::sync::close::{Closed, Closer, Closing};
use crate::sync::error::SyncError;
use crate::sync::lane::{Sessions, own_zone};
use crate::sync::manifest::{self, Found, Manifest, ObjectId, ObjectRecord};
use crate::sync::options::{SyncOptions, WhenFull};
use crate::sync::picture::{self, Picture};
use crate::sync::proof::{Standing, standings};
use crate::sync::reason::Reason;
use crate::sync::report::SyncReport;
use crate::sync::scan::{Scan, ScanJob, Way};
use crate::sync::shape::Objects;
use crate::sync::tables::{NoTables, SyncTable, TableKind, tables};
use crate::sync::{diff, stage};

/// The share of all rows, by their size in the archive and in percent, that are replaced at most:
/// beyond it, restoring everything is cheaper.
const REPLACED_SHARE: u64 = 60;

/// So much is replaced anyway, in bytes as stored in the archive.
const ALWAYS_REPLACED: u64 = 8 << 20;

/// What a sync starts from.
pub(super) struct Start<'a> {
    /// The archive; taken when its stream is read.
    pub(super) archive: &'a mut Option<Archive>,
    pub(super) selection: &'a Selection,
    pub(super) options: &'a SyncOptions,
    pub(super) sessions: &'a Sessions,
    pub(super) events: &'a Events,
}

/// What the database and the archive have in common.
struct Common {
    picture: Picture,
    settings: BTreeMap<String, String>,
    /// The number of the manifest; 0 if there is none.
    night: u64,
    objects: BTreeMap<ObjectId, ObjectRecord>,
}

/// Applies the differences. `then` gets the manifest, if it is trusted.
///
/// # Errors
/// [`SyncError::NeedsFull`] if a sync is not possible; then, and after all other errors, nothing has
/// changed.
pub(super) async fn run(
    session: &Session,
    start: Start<'_>,
    then: &mut Option<Manifest>,
) -> Result<SyncReport, SyncError> {
    start.events.send(Event::Connected {
        target: session.target().to_string(),
        server_version: session.server_version().to_owned(),
    });
    let toc = match &start.archive {
        Some(archive) => archive.toc.clone(),
        None => return Err(SyncError::Internal("no archive to read".to_owned())),
    };
    let common = look(session, &toc, (start.selection, start.options), then).await?;
    Box::pin(sync_tables(session, toc, start, common, then.as_ref())).await
}

/// Does what a sync does before it reads rows.
///
/// # Errors
/// [`SyncError::NeedsFull`] and [`SyncError::NoManifest`] if a sync is not possible.
pub(super) async fn assess(
    session: &Session,
    toc: &Toc,
    selection: &Selection,
    options: &SyncOptions,
) -> Result<(), SyncError> {
    let mut then = None;
    look(session, toc, (selection, options), &mut then).await?;
    list(session, toc, selection, then.as_ref()).await?;
    Ok(())
}

/// Compares definitions.
async fn look(
    session: &Session,
    toc: &Toc,
    (selection, options): (&Selection, &SyncOptions),
    then: &mut Option<Manifest>,
) -> Result<Common, SyncError> {
    let needs = |reason| Err(SyncError::NeedsFull(vec![reason]));
    let restore = &options.restore;
    let picture = Picture::of(toc, selection, restore);
    let role = session.query_value("SELECT current_user").await?.unwrap_or_default();
    let settings = picture::settings(toc, restore, &role, session.server_version_num());
    let objects = Objects::read(session).await?;
    let found = manifest::find(session).await?;
    let untrusted = match found {
        Found::Trusted(manifest) => {
            let manifest = then.insert(manifest);
            if options.from_scratch {
                return needs(Reason::FromScratch);
            }
            check(manifest, &settings, &picture, &objects)?;
            let (night, objects) = (manifest.night, manifest.objects.clone());
            return Ok(Common { picture, settings, night, objects });
        }
        Found::Untrusted(reason) => Some(reason),
        Found::None => None,
    };
    if options.from_scratch {
        return needs(Reason::FromScratch);
    }
    match untrusted {
        _ if !objects.any(&picture) => needs(Reason::ManifestMissing),
        _ if options.adopt => match objects.missing(&picture) {
            missing if missing.is_empty() => {
                let objects = objects.records(&picture);
                Ok(Common { picture, settings, night: 0, objects })
            }
            missing => needs(Reason::DefinitionsChanged(missing)),
        },
        Some(reason) => needs(reason),
        None => Err(SyncError::NoManifest),
    }
}

/// Whether the definitions, in the archive and in the database, are those of the last sync.
fn check(
    manifest: &Manifest,
    settings: &BTreeMap<String, String>,
    picture: &Picture,
    objects: &Objects,
) -> Result<(), SyncError> {
    let mut reasons = Vec::new();
    let differences = differences(&manifest.settings, settings);
    if !differences.is_empty() {
        reasons.push(Reason::SettingsDiffer(differences));
    }
    let changes = diff::diff(&manifest.entries, picture);
    if !changes.definitions.is_empty() {
        reasons.push(Reason::DefinitionsChanged(changes.definitions));
    }
    let changed = objects.changed(manifest);
    if !changed.is_empty() {
        reasons.push(Reason::ChangedByOthers(changed));
    }
    if changes.large_objects {
        reasons.push(Reason::LargeObjects);
    }
    if reasons.is_empty() { Ok(()) } else { Err(SyncError::NeedsFull(reasons)) }
}

/// Compares and changes the rows, and what depends on them.
async fn sync_tables(
    session: &Session,
    toc: Arc<Toc>,
    start: Start<'_>,
    common: Common,
    then: Option<&Manifest>,
) -> Result<SyncReport, SyncError> {
    let Start { archive, selection, options, sessions, events } = start;
    let tables = list(session, &toc, selection, then).await?;
    let jobs = ways(session, &tables, events).await?;
    let random = match archive.as_ref().map(|archive| &archive.access) {
        Some(Access::Random(random)) => Some(random.clone()),
        _ => None,
    };
    let size = |table: &SyncTable| random.as_ref()?.size(toc.at(table.data));
    let replace_limit = match options.full {
        WhenFull::Fail => u64::MAX,
        WhenFull::Restore => {
            let all = tables.iter().filter_map(size).fold(0, u64::saturating_add);
            (all / 100 * REPLACED_SHARE).max(ALWAYS_REPLACED)
        }
    };
    let scan = Arc::new(Scan {
        sessions: sessions.clone(),
        toc: toc.clone(),
        tables,
        key: RowSetKey::random().map_err(|error| SyncError::Internal(error.to_string()))?,
        patch_limit: options.patch_limit,
        zone: own_zone(session).await?,
        is_in_zone: AtomicBool::new(false),
        dry_run: options.dry_run,
        jobs: options.restore.jobs,
        replaced: AtomicU64::new(0),
        replace_limit,
        events: events.clone(),
    });
    let closer = if options.dry_run {
        None
    } else {
        let own = sessions.open().await?;
        let closer = Closer::begin(own, scan.key.clone(), events.clone()).await?;
        stage::clean(session).await?;
        Some(closer)
    };
    plan(&scan, archive.as_ref(), events);
    let mut apply = Apply::new(&scan, closer, random.clone());
    let stream = match random {
        Some(_) => None,
        None => match archive.take() {
            Some(Archive { access: Access::Stream(stream), .. }) => Some(stream),
            _ => return Err(SyncError::Internal("no archive to read".to_owned())),
        },
    };
    Box::pin(apply.all(stream, jobs)).await?;
    let Outcome { closer, tables, rels } = apply.finish()?;
    let Closed { sequences, views, stale } = match closer {
        Some(closer) => {
            events.send(Event::Step { what: "committing".to_owned() });
            // Rows that someone else had written and taken back may be in views that were refreshed
            // in between.
            let changed = scan.tables.iter().zip(&rels);
            let changed = changed.filter(|(table, rel)| table.known.as_ref() != Some(rel));
            let changed = changed.map(|(_, rel)| rel.oid).collect();
            let Common { picture, settings, night, objects } = common;
            let closing = Closing {
                toc: &toc,
                selection,
                picture: &picture,
                settings,
                night,
                objects,
                rels: rels.clone(),
                changed,
            };
            Box::pin(closer.finish(closing)).await?
        }
        None => Closed::default(),
    };
    if !options.dry_run {
        events.send(Event::Synced { sequences: sequences as u64, views: views as u64 });
        if let Err(error) = stage::clean(session).await {
            let message = format!("cannot drop staging tables: {}", crate::error::chain(&error));
            events.send(Event::Warning { message });
        }
        let changed = tables.iter().zip(&scan.tables).zip(&rels);
        let changed = changed.filter(|((report, _), _)| report.is_changed());
        let changed = changed.map(|((report, table), rel)| ChangedTable {
            name: table.sql(),
            oid: table.oid,
            rows: rel.baseline.rows,
            rows_in: report.rows_in,
            rows_out: report.rows_out,
        });
        tidy(session, &changed.collect::<Vec<_>>(), options.restore.analyze, events).await;
    }
    Ok(SyncReport { tables, sequences, views, stale, full: Vec::new(), restored: None })
}

/// Lists the tables.
async fn list(
    session: &Session,
    toc: &Toc,
    selection: &Selection,
    then: Option<&Manifest>,
) -> Result<Vec<SyncTable>, SyncError> {
    if has_large_objects(toc, selection) {
        return Err(SyncError::NeedsFull(vec![Reason::LargeObjects]));
    }
    tables(session, toc, selection, then).await.map_err(|error| match error {
        NoTables::Differ(reason) => SyncError::NeedsFull(vec![reason]),
        NoTables::Server(error) => error.into(),
    })
}

/// Whether large objects are wanted.
fn has_large_objects(toc: &Toc, selection: &Selection) -> bool {
    let is = |place: Place| toc.at(place).desc == Desc::Blobs && selection.want(place).data;
    selection.wanted().any(is)
}

/// How each table is read.
async fn ways(
    session: &Session,
    tables: &[SyncTable],
    events: &Events,
) -> Result<Vec<ScanJob>, SyncError> {
    let known: Vec<_> = tables.iter().filter_map(|table| table.known.as_ref()).collect();
    let mut standings = standings(session, &known).await?.into_iter();
    let mut jobs = Vec::with_capacity(tables.len());
    let mut reasons = Vec::new();
    for table in tables {
        let standing = table.known.as_ref().and_then(|_| standings.next());
        let way = match standing {
            Some(Standing::Untouched) => Way::Untouched,
            Some(Standing::Touched(reason)) => {
                let message = format!("{}: {reason}; comparing it by reading", table.sql());
                events.send(Event::Warning { message });
                Way::Compare(reason)
            }
            None => Way::Compare(Reason::ManifestMissing),
        };
        if let (Way::Compare(_), TableKind::Fixed(reason)) = (&way, &table.kind) {
            reasons.push(reason.clone().of(&table.sql()));
        }
        jobs.push(ScanJob { table: table.number, way });
    }
    if reasons.is_empty() { Ok(jobs) } else { Err(SyncError::NeedsFull(reasons)) }
}

/// Tells what will be read.
fn plan(scan: &Scan, archive: Option<&Archive>, events: &Events) {
    let Some(archive) = archive else { return };
    let size = |table: &SyncTable| match &archive.access {
        Access::Random(random) => random.size(scan.toc.at(table.data)),
        Access::Stream(_) => None,
    };
    events.send(Event::Planned {
        archive: archive.name.clone(),
        entries: scan.toc.entries.len(),
        wanted: scan.tables.len(),
        with_data: scan.tables.len(),
        data_bytes: scan.tables.iter().map(size).sum(),
        jobs: scan.jobs,
    });
}
