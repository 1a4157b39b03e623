//! Makes a database equal to an archive by changing what differs: `nocturne sync`.
//!
//! A restore drops and loads everything. A sync compares first:
//!
//! - **Definitions** are compared with those recorded by the last sync, in the archive and in the
//!   database. If any differs, everything is restored.
//! - **Tables** whose bytes in the archive are those of the last sync, and that no one has written
//!   to since, are left as they are. The others are read, matched with the archive's rows, and
//!   patched: rows that are gone are deleted, new ones inserted. If too much has changed, all rows
//!   are replaced.
//!
//! Several sessions read, match, and put new rows into staging tables. All changes are made by one
//! session in one transaction, so readers see the database before the sync, then after it, and
//! nothing in between.
//!
//! # Why it is right
//!
//! Matching may be a guess; the proof is an equation, for each table: the rows read from the
//! database, less those that the server reports as deleted, plus those inserted, are the archive's,
//! as multisets of keyed 256-bit hashes ([`RowSet`](crate::rows::RowSet)). A table is locked before
//! it is read, so no one writes to it in between. Where the equation does not hold, or anything
//! else is in doubt, the change is rolled back, and the table is done another way: a [`Reason`]
//! says why.
//!
//! # What is remembered
//!
//! The *manifest*, in the schema `nocturne` of the database: the definitions of the archive, the
//! shapes of the objects that exist, and for each table what shows whether someone has written to
//! it. It is written in the transaction that makes the changes. See `manifest/`.

mod after;
mod apply;
mod close;
mod diff;
mod error;
mod first;
mod lane;
mod manifest;
mod names;
mod options;
mod picture;
mod proof;
mod reason;
mod record;
mod report;
mod run;
mod scan;
mod shape;
mod stage;
mod tables;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use crate::archive::Toc;
use crate::error::chain;
use crate::restore::LoadedData;
use crate::restore::event::{Event, Events};
use crate::select::Selection;
use crate::server::{self, Session, Target};
use crate::source::Archive;
use lane::Sessions;
use run::{Start, assess, run};

pub(crate) use close::{Fed, MaterializedView, materialized_views};
pub use error::SyncError;
pub use options::{SyncOptions, WhenFull};
pub use reason::Reason;
pub use report::{SyncReport, TableReport};

/// Makes a target equal to the selected entries of an archive.
///
/// `shutdown` ends it early: running statements are canceled, and nothing has changed.
///
/// # Errors
/// When the target cannot be made equal. It is as before, unless everything was to be restored.
/// Failures of single entries of such a restore are reported as events and counted in
/// [`SyncReport::restored`].
pub async fn sync(
    archive: Archive,
    selection: &Selection,
    options: SyncOptions,
    target: Target,
    events: Events,
    shutdown: impl Future<Output = ()>,
) -> Result<SyncReport, SyncError> {
    let mut shutdown = pin!(shutdown);
    let options = Arc::new(options);
    let sessions =
        Sessions::new(target.clone(), archive.toc.clone(), options.clone(), events.clone());
    let (session, lock) = tokio::select! {
        first = sessions.first() => first?,
        () = &mut shutdown => return Err(SyncError::Interrupted),
    };
    let work = apply_or_restore(
        (archive, selection, &options),
        (&session, &sessions, target),
        &events,
        shutdown,
    );
    // No other sync starts before this one has ended.
    tokio::select! {
        done = Box::pin(work) => done,
        never = lock.keep() => match never {},
    }
}

/// Applies the differences, or restores everything.
async fn apply_or_restore(
    (archive, selection, options): (Archive, &Selection, &SyncOptions),
    (session, sessions, target): (&Session, &Sessions, Target),
    events: &Events,
    mut shutdown: Pin<&mut impl Future<Output = ()>>,
) -> Result<SyncReport, SyncError> {
    let (mut archive, mut then) = (Some(archive), None);
    let start = Start { archive: &mut archive, selection, options, sessions, events };
    let result = tokio::select! {
        result = Box::pin(run(session, start, &mut then)) => result,
        () = &mut shutdown => Err(SyncError::Interrupted),
    };
    let reasons = match result {
        Err(SyncError::NeedsFull(reasons)) => reasons,
        Err(error) => {
            sessions.cancel_all().await;
            return Err(error);
        }
        Ok(report) => return Ok(report),
    };
    if options.dry_run {
        return Ok(SyncReport { full: reasons, ..SyncReport::default() });
    }
    let archive = match archive {
        Some(archive) if options.full == WhenFull::Restore => archive,
        _ => return Err(SyncError::NeedsFull(reasons)),
    };
    let words = reasons.iter().map(Reason::to_string).collect();
    events.send(Event::RestoresAll { reasons: words });
    let to = (sessions, &target);
    let full = first::full(archive, selection, options, then.as_ref(), to, events, shutdown);
    let ended = Box::pin(full).await?;
    if let Err(error) = stage::clean(session).await {
        let message = format!("cannot drop staging tables: {}", chain(&error));
        events.send(Event::Warning { message });
    }
    Ok(SyncReport { full: reasons, restored: Some(ended), ..SyncReport::default() })
}

/// Why a sync would restore everything, as far as this is known without reading the rows; empty if
/// nothing is. Changes nothing.
///
/// # Errors
/// When the target cannot be inspected.
pub async fn obstacles(
    toc: &Arc<Toc>,
    selection: &Selection,
    options: SyncOptions,
    target: &Target,
) -> Result<Vec<Reason>, SyncError> {
    let options = Arc::new(options);
    let sessions = Sessions::new(target.clone(), toc.clone(), options.clone(), Events::discard());
    let session = sessions.open().await.map_err(SyncError::Connect)?;
    match Box::pin(assess(&session, toc, selection, &options)).await {
        Ok(()) => Ok(Vec::new()),
        Err(SyncError::NeedsFull(reasons)) => Ok(reasons),
        Err(SyncError::NoManifest) => Ok(vec![Reason::ManifestMissing]),
        Err(error) => Err(error),
    }
}

/// Records what a restore without errors made, so that the next sync changes only what differs.
/// `selection` is what that sync will select; `loaded` is what the restore loaded.
///
/// # Errors
/// When the server refuses, or the archive has tables that cannot be compared.
pub async fn record(
    toc: &Arc<Toc>,
    selection: &Selection,
    options: SyncOptions,
    target: &Target,
    loaded: &LoadedData,
) -> Result<(), SyncError> {
    let options = Arc::new(options);
    let sessions = Sessions::new(target.clone(), toc.clone(), options.clone(), Events::discard());
    Ok(record::record(&sessions, toc, selection, &options, loaded).await?)
}

/// Deletes what syncs recorded in the session's database, because objects are about to be dropped.
///
/// # Errors
/// When the query fails.
pub async fn forget(session: &Session) -> server::Result<()> {
    manifest::delete(session).await
}
