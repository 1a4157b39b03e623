//! Decides which entries of an archive are restored, following pg_restore 18.
//!
//! [`select`] takes the TOC and [`SelectOptions`] and returns a [`Selection`]: for each entry, what
//! of it is wanted (a [`Want`]) or why nothing is ([`Unwanted`]), and the order of entries. Options
//! come from the command line and from [filter files](FilterFile); a [list file](ListFile) chooses
//! entries one by one and orders them. [`listing`] writes a selection like `pg_restore -l`, so that
//! it can be edited and read back.
//!
//! Nothing here reads a file or talks to a server: text comes in as bytes, decisions go out. How
//! the wanted entries, ownership, tablespaces or `--clean` are handled is decided elsewhere. The
//! rules are those of `_tocEntryRequired` in `src/bin/pg_dump/pg_backup_archiver.c` and of the
//! checks in `pg_restore.c`; a test compares them with a real pg_restore (module `oracle`).

mod filter_file;
mod filter_pattern;
mod flag;
mod leave_out;
mod list_file;
pub mod listing;
mod names;
mod options;
mod partitions;
mod pass;
mod selection;
#[cfg(test)]
pub(crate) mod tests;
mod text_lines;
mod unwanted;
mod want;

pub use filter_file::{FilterError, FilterErrorKind, FilterFile, FilterItem, FilterTarget};
pub use flag::Flag;
pub use leave_out::Leave;
pub(crate) use leave_out::keys_and_comments;
pub use list_file::{IgnoredLine, ListError, ListFile, WhyIgnored};
pub use names::{Missing, NameKind};
pub use options::{RestoreSection, SelectOptions, UnknownSection, UsageError};
pub(crate) use partitions::{is_partitioned, up, wholes};
pub use pass::{Pass, pass};
pub use selection::{SelectError, Selection, select};
pub use unwanted::{Selectors, Unwanted};
pub use want::Want;
