//! The options of a sync.

use crate::restore::RestoreOptions;

/// The default of [`SyncOptions::patch_limit`].
pub const PATCH_LIMIT: u32 = 12;

/// How to sync; what to sync is decided in [`crate::select`].
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// How everything is restored, where that is necessary. Its jobs, style, settings, digests,
    /// foreign keys and tolerated errors are those of a sync, too. Without a journal.
    pub restore: RestoreOptions,
    /// What to do if a sync is not possible.
    pub full: WhenFull,
    /// Restore everything, as if nothing were known of the target (`--from-scratch`).
    pub from_scratch: bool,
    /// Without a manifest, assume that the target has the archive's definitions, and compare all rows
    /// by reading them (`--adopt`).
    pub adopt: bool,
    /// Report what would change, and write nothing (`--dry-run`).
    pub dry_run: bool,
    /// The share of a table's rows, in percent, up to which it is patched; beyond it, all rows are
    /// replaced (`--patch-limit`).
    pub patch_limit: u32,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            restore: RestoreOptions::default(),
            full: WhenFull::default(),
            from_scratch: false,
            adopt: false,
            dry_run: false,
            patch_limit: PATCH_LIMIT,
        }
    }
}

/// What to do if the difference cannot be applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Restore everything.
    #[default]
    Restore,
    /// Fail with [`SyncError::NeedsFull`](crate::sync::SyncError::NeedsFull), before anything is
    /// changed (`--no-full`).
    Fail,
}
