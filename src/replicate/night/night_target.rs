//! What a night fills: the target without the objects of the previous night, or a new database that
//! replaces it at the end.

use std::collections::HashSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use super::modes::Modes;
use super::present::Present;
use super::{first_load, others, resume};
use crate::archive::{Digest, Toc};
use crate::error::chain;
use crate::replicate::clean;
use crate::replicate::config::{self, TableMode};
use crate::replicate::lock::TargetLock;
use crate::replicate::swap::{self, Leftover, Names, Recovered, Swap, SwapError};
use crate::replicate::worker::DatabaseHistory;
use crate::server::sqlstate::INVALID_CATALOG_NAME;
use crate::server::{Retry, Session, SessionSettings, Target};

/// Attempts to rename, while sessions that cannot be terminated block it.
const TRIES: u32 = 5;

/// The wait between two attempts.
const BETWEEN_TRIES: Duration = Duration::from_secs(30);

/// Where a night restores to.
pub(super) struct NightTarget {
    /// The database to restore into.
    pub(super) target: Target,
    /// Set if it will replace the target.
    pub(super) swap: Option<Swap>,
    /// Set if an earlier attempt's restore is resumed: the objects that existed when that started.
    pub(super) resumed: Option<Present>,
}

/// Finishes or undoes a swap that stopped halfway. Without `SWAP`, its errors are only logged at
/// debug level.
pub(super) async fn recover(target: &Target, is_swapped: bool) -> Result<(), NightError> {
    match swap::recover(target).await {
        Ok(Recovered::Nothing) => {}
        Ok(Recovered::Finished) => {
            tracing::warn!(
                "finished an earlier swap that had stopped halfway: the new database is in place"
            );
        }
        Ok(Recovered::Undone) => {
            tracing::warn!(
                "undid an earlier swap that had stopped halfway: the old database is in place"
            );
        }
        Err(error) if is_swapped => return Err(error.into()),
        Err(error) => tracing::debug!("cannot check for swapped databases: {}", chain(&error)),
    }
    if !is_swapped {
        for name in swap::left(target).await {
            tracing::warn!(
                "database {name} is left over from an earlier swap; drop it to free its disk space"
            );
        }
    }
    Ok(())
}

/// A session to inspect the target.
pub(super) async fn look_at(target: &Target) -> Result<Session, NightError> {
    let connected = Session::connect(target, &SessionSettings::default()).await;
    connected.map_err(NightError::target("inspect the target"))
}

/// The template that only contains the objects of initdb. It does not allow connections.
const BARE: &str = "template0";

/// A session in the template of a swap's new database; `None` without a swap, and for template0.
pub(super) async fn template(
    target: &Target,
    settings: &config::Restore,
) -> Result<Option<Session>, NightError> {
    match settings.swap_template.as_deref() {
        Some(template) if settings.swap && template != BARE => {
            look_at(&target.with_database(template)).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// What is dropped before a restore.
pub(super) struct Drops {
    pub(super) plan: clean::DropPlan,
    /// Tables whose first load was interrupted, which are also dropped.
    pub(super) unfinished: HashSet<first_load::Name>,
}

impl Drops {
    /// Reads from the catalog what to drop: everything that the role owns, except incremental
    /// tables.
    pub(super) async fn plan(
        session: &Session,
        settings: &config::Restore,
        toc: &Toc,
    ) -> Result<Self, NightError> {
        let unfinished = first_load::unfinished(session).await?;
        let modes = Modes::new(&toc.entries, &settings.tables);
        let keep = |schema: &str, table: &str| {
            modes.of(schema, table) == TableMode::Incremental
                && !unfinished.contains(&(schema.to_owned(), table.to_owned()))
        };
        let brings = |name: &str| others::extensions(toc, settings).any(|own| own == name);
        let mut plan = clean::plan(session, keep, brings).await?;
        plan.others.retain(|other| !others::is_mapped(other, toc, settings));
        Ok(Self { plan, unfinished })
    }
}

impl NightTarget {
    /// The work of an earlier attempt on the same backup, if it can be resumed.
    pub(super) async fn left_by_another(
        target: &Target,
        settings: &config::Restore,
        backup: &str,
        sum: Option<Digest>,
    ) -> Result<Option<Self>, NightError> {
        let Some(session) = Self::session(target, settings).await? else { return Ok(None) };
        let Some(present) = resume::find(&session, backup, sum).await? else { return Ok(None) };
        drop(session);
        let night = Self::restored(target, settings).await?;
        tracing::info!("resuming the restore of this backup from an earlier attempt");
        Ok(Some(Self { resumed: Some(present), ..night }))
    }

    /// The work of an earlier attempt that restored the whole archive.
    pub(super) async fn restored(
        target: &Target,
        settings: &config::Restore,
    ) -> Result<Self, NightError> {
        let template = settings.swap_template.as_deref();
        let swap = match settings.swap {
            true => {
                others::tell_previous(target, settings).await?;
                Some(swap::prepare(target, Leftover::Reuse, template).await?)
            }
            false => None,
        };
        let place = Self::place(target, settings);
        Ok(Self { target: place, swap, resumed: Some(Present::default()) })
    }

    /// The database to restore into.
    pub(super) fn place(target: &Target, settings: &config::Restore) -> Target {
        match settings.swap {
            true => target.with_database(&Names::of(target.dbname()).next),
            false => target.clone(),
        }
    }

    /// A session in that database; `None` if it does not exist.
    pub(super) async fn session(
        target: &Target,
        settings: &config::Restore,
    ) -> Result<Option<Session>, NightError> {
        let place = Self::place(target, settings);
        match Session::connect(&place, &SessionSettings::default()).await {
            Ok(session) => Ok(Some(session)),
            // Any other error is returned: the database may contain hours of work.
            Err(error) if settings.swap && error.sqlstate() == Some(INVALID_CATALOG_NAME) => {
                Ok(None)
            }
            Err(error) => Err(NightError::target("inspect the target")(error)),
        }
    }

    /// Drops everything that the role owns in the target, except incremental tables.
    pub(super) async fn cleared(
        target: &Target,
        settings: &config::Restore,
        toc: &Toc,
        stop: &CancellationToken,
    ) -> Result<Self, NightError> {
        // From here on, there is nothing to resume.
        resume::forget_all(target).await?;
        let session = look_at(target).await?;
        let Drops { plan, unfinished } = Drops::plan(&session, settings, toc).await?;
        for (schema, table) in &unfinished {
            if settings.tables.mode(schema, table) == TableMode::Incremental {
                tracing::warn!(
                    "loading table {schema}.{table} again: its first load was interrupted"
                );
            }
        }
        for other in &plan.others {
            tracing::warn!(
                "{} {} of {} is also dropped, because it depends on dropped objects",
                other.kind,
                other.identity,
                other.owner
            );
        }
        for schema in &plan.shared_schemas {
            tracing::info!("schema {schema} is kept: other roles have objects in it");
        }
        for extension in &plan.extensions {
            tracing::info!("extension {extension} is kept: it is not in the backup");
        }
        for table in &plan.kept {
            tracing::info!("table {table} is kept");
        }
        let dropped =
            |progress: clean::DropProgress<'_>| tracing::debug!("dropped {}", progress.drop);
        clean::execute(&session, &plan, settings.drop_timeout, stop, dropped).await?;
        tracing::info!("{} objects dropped, {} tables kept", plan.drops.len(), plan.kept.len());
        Ok(Self { target: target.clone(), swap: None, resumed: None })
    }

    /// Creates a new database next to the target.
    pub(super) async fn beside(
        target: &Target,
        settings: &config::Restore,
    ) -> Result<Self, NightError> {
        others::tell_previous(target, settings).await?;
        let template = settings.swap_template.as_deref();
        let swap = swap::prepare(target, Leftover::Drop, template).await?;
        tracing::info!("restoring into the new database {}", swap.next().dbname());
        Ok(Self { target: swap.next().clone(), swap: Some(swap), resumed: None })
    }

    /// The objects in the database when its restore started, or now if it starts now.
    pub(super) async fn present(&self) -> Result<Present, NightError> {
        if let Some(present) = &self.resumed {
            return Ok(present.clone());
        }
        Present::read(&look_at(&self.target).await?).await
    }

    /// Drops the new database, if any, because the night failed permanently.
    pub(super) async fn abandon(self) {
        let Some(swap) = self.swap else { return };
        let name = swap.names().next.clone();
        match swap.abandon().await {
            Ok(()) => {
                tracing::info!("dropped the new database {name}; the old one is unchanged");
            }
            // The next run drops it.
            Err(error) => tracing::warn!("cannot drop database {name}: {}", chain(&error)),
        }
    }
}

/// Replaces the target with the new database, including the records of runs. Terminates all
/// sessions on both, including that of the lock. `told` are warnings that were already logged.
pub(super) async fn finish(
    swap: &mut Swap,
    target: &Target,
    settings: &config::Restore,
    lock: &mut TargetLock,
    told: &[String],
    stop: &CancellationToken,
) -> Result<(), NightError> {
    let installed = others::installed(swap.next()).await?;
    others::note(swap.next(), target, settings).await;
    let (old, new) =
        (DatabaseHistory::new(target.clone()), DatabaseHistory::new(swap.next().clone()));
    if let Err(error) = old.copy_to(&new).await {
        tracing::warn!("the records of earlier runs are lost: {}", chain(&error));
    }
    let mut tries = 1;
    let not_copied = loop {
        lock.keep().await?;
        others::check_again(lock.session(), target, settings, &installed, told).await?;
        match swap.finish().await {
            Ok(not_copied) => break not_copied,
            Err(error @ SwapError::Replaced { .. }) => return Err(error.into()),
            Err(error) if error.retry() != Retry::Never && tries < TRIES => {
                tracing::warn!("retrying: {}", chain(&error));
            }
            Err(error) => return Err(error.into()),
        }
        tries += 1;
        // No other run may start during the pause.
        lock.keep().await?;
        tokio::select! {
            () = stop.cancelled() => return Err(NightError::Stopped),
            () = tokio::time::sleep(BETWEEN_TRIES) => {}
        }
    };
    for what in not_copied {
        tracing::warn!("the new database lacks {what}");
    }
    let names = swap.names();
    tracing::info!("{} is now the new database, {} the old one", names.current, names.previous);
    Ok(())
}
