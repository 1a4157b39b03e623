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
mod loaded_data;
mod options;
mod points;
mod server_setting;
mod server_state;
mod session;
mod stream;
mod tolerance;

use std::future::Future;
use std::sync::Arc;

use crate::archive;
use crate::error::chain;
use crate::select::Selection;
use crate::server::Target;
use crate::source::Archive;
use conduct::ending::{CANCEL_WITHIN, cancel_all, interrupted};
use conduct::prepare::prepare;
use conduct::run::run;
use event::{Events, NOT_REACHED};

pub(crate) use conduct::distributed;
pub use conduct::planning::{PlanOptions, Planned};
pub(crate) use conduct::row_order::row_callers;
pub(crate) use entry::foreign_keys::for_script;
pub(crate) use entry::orphans::rows_query as orphans_query;
pub(crate) use entry::with_oids::warn as warn_with_oids;
pub use error::{Ended, RestoreError, Result};
pub use loaded_data::{DataLoaded, LoadedData};
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
        no_commits = interrupted(&ledger, shutdown) => (Err(RestoreError::Interrupted), no_commits),
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
