//! Restores everything, where no sync is possible, and records it for the next sync.

use std::future::Future;

use super::lane::Sessions;
use super::manifest::{self, Manifest};
use super::record::record;
use crate::archive::{Desc, Toc};
use crate::error::chain;
use crate::restore::event::{Event, Events};
use crate::restore::{Ended, LoadedData, RestoreOptions, restore};
use crate::select::Selection;
use crate::server::sqlstate::{
    DEPENDENT_OBJECTS_STILL_EXIST, INVALID_TABLE_DEFINITION, OUT_OF_MEMORY, is_missing_object,
};
use crate::server::{Session, SessionError, Target};
use crate::source::Archive;
use crate::sql::if_exists::if_exists;
use crate::statements::drop_object;
use crate::sync::error::SyncError;
use crate::sync::options::SyncOptions;

/// Drops in one message.
const TOGETHER: usize = 50;

/// Drops in one transaction, if the server cannot lock all objects at once.
const IN_PART: usize = 200;

/// How long a drop may wait for those who use the object.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '5min'";

/// Drops what the last sync made (`then`) and what the archive has, restores the archive, and
/// records it. Nothing is dropped if one of the objects cannot be.
///
/// # Errors
/// When objects cannot be dropped, or the restore fails. Failures of single entries are counted in
/// [`Ended::errors`]; nothing is recorded then.
pub(super) async fn full(
    archive: Archive,
    selection: &Selection,
    options: &SyncOptions,
    then: Option<&Manifest>,
    (sessions, target): (&Sessions, &Target),
    events: &Events,
    shutdown: impl Future<Output = ()>,
) -> Result<Ended, SyncError> {
    let toc = archive.toc.clone();
    {
        let session = sessions.open().await.map_err(SyncError::Connect)?;
        events.send(Event::Step { what: "dropping existing objects".to_owned() });
        drop_all(&session, &drops(&toc, selection, then)?).await?;
    }
    let loaded = LoadedData::default();
    let restoring = RestoreOptions { loaded: Some(loaded.clone()), ..options.restore.clone() };
    let (target, told) = (target.clone(), events.clone());
    let ended = restore(archive, selection, restoring, target, told, shutdown).await?;
    if ended.errors == 0 {
        let recorded = record(sessions, &toc, selection, options, &loaded).await;
        if let Err(error) = recorded {
            let message = format!(
                "everything is restored, but the next sync will restore it again: {}",
                chain(&error)
            );
            events.send(Event::Warning { message });
        }
    }
    Ok(ended)
}

/// The statements that drop everything, dependent objects first.
fn drops(
    toc: &Toc,
    selection: &Selection,
    then: Option<&Manifest>,
) -> Result<Vec<String>, SyncError> {
    let is_dropped = |desc: &Desc| !matches!(desc, Desc::Database | Desc::DatabaseProperties);
    let mut old: Vec<_> = then.iter().flat_map(|then| &then.entries).collect();
    old.sort_unstable_by_key(|(_, entry)| std::cmp::Reverse(entry.position));
    let old = old.into_iter().filter(|(ident, entry)| {
        let desc = Desc::from_text(ident.kind());
        // The objects of such an entry are listed in its definition.
        is_dropped(&desc) && desc != Desc::BlobMetadata && !entry.drop_stmt.is_empty()
    });
    let mut all: Vec<String> =
        old.map(|(ident, entry)| if_exists(ident.kind(), &entry.drop_stmt).sql.into()).collect();
    let wanted: Vec<_> = selection.wanted().map(|place| toc.at(place)).collect();
    for entry in wanted.into_iter().rev().filter(|entry| is_dropped(&entry.desc)) {
        let dropping =
            drop_object(entry, true).map_err(|error| SyncError::Internal(chain(&error)))?;
        if let Some(command) = &dropping.command {
            all.extend(command.texts(TOGETHER).map(std::borrow::Cow::into_owned));
        }
    }
    Ok(all)
}

/// Runs the statements, together with the deletion of the manifest, in one transaction.
async fn drop_all(session: &Session, statements: &[String]) -> Result<(), SyncError> {
    let failed = |source: SessionError| {
        let detail = source.server().and_then(|error| error.detail.clone());
        SyncError::Drop {
            detail: detail.map(|text| format!(": {text}")).unwrap_or_default(),
            source,
        }
    };
    match drop_in(session, statements, true).await {
        // Locks of all objects at once may exceed `max_locks_per_transaction`.
        Err(error) if error.sqlstate() == Some(OUT_OF_MEMORY) => {}
        dropped => return dropped.map_err(failed),
    }
    drop_in(session, &[], true).await.map_err(failed)?;
    for part in statements.chunks(IN_PART) {
        drop_in(session, part, false).await.map_err(failed)?;
    }
    Ok(())
}

async fn drop_in(
    session: &Session,
    statements: &[String],
    with_manifest: bool,
) -> Result<(), SessionError> {
    let dropped = async {
        session.begin().await?;
        session.execute(&format!("{LOCK_TIMEOUT}; SET LOCAL synchronous_commit = on")).await?;
        if with_manifest {
            manifest::delete(session).await?;
        }
        // To drop a view's rule is to replace the view, which fails if even its schema is gone. A
        // failure that matters is repeated when the view is dropped.
        let is_rule = |statement: &String| statement.starts_with("CREATE OR REPLACE VIEW");
        let mut last = Vec::new();
        for some in statements.chunk_by(|a, b| !is_rule(a) && !is_rule(b)) {
            if some.iter().any(is_rule) {
                drop(session.try_execute(&some.concat()).await?);
                continue;
            }
            for some in some.chunks(TOGETHER) {
                if session.try_execute(&some.join("\n")).await?.is_ok() {
                    continue;
                }
                for statement in some {
                    match session.try_execute(statement).await? {
                        Ok(()) => {}
                        // IF EXISTS does not cover what the statement refers to.
                        Err(error) if error.sqlstate().is_some_and(is_missing_object) => {}
                        // A partition's constraint that is inherited only goes with the table.
                        Err(error) if is_of_dependents(&error) => last.push(statement),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        for statement in last {
            match session.try_execute(statement).await? {
                Err(error) if !error.sqlstate().is_some_and(is_missing_object) => {
                    return Err(error);
                }
                _ => {}
            }
        }
        session.commit().await
    };
    let dropped = dropped.await;
    if dropped.is_err() && session.is_usable() {
        // The first error is the one to report.
        drop(session.rollback().await);
    }
    dropped
}

/// Whether something else has to be dropped before.
fn is_of_dependents(error: &SessionError) -> bool {
    matches!(error.sqlstate(), Some(DEPENDENT_OBJECTS_STILL_EXIST | INVALID_TABLE_DEFINITION))
}
