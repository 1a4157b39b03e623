//! The SQL of an entry.
//!
//! Pure text: a restore into a database sends it, [`crate::script`] writes it to a file. The rules
//! are those of `_printTocEntry` and its neighbours in `src/bin/pg_dump/pg_backup_archiver.c`, in
//! the order in which they apply to an entry:
//!
//! 1. [`SessionState::before`]: the SETs that the entry relies on;
//! 2. [`definition`]: what creates it;
//! 3. [`owner`]: what sets its owner;
//! 4. [`partitioned_access_method`]: the access method for future partitions.
//!
//! [`drop_object`] undoes all that beforehand, [`fixed_settings`] come first, and [`data`] holds
//! the few statements around rows.

mod command;
pub mod data;
mod definition;
mod drop;
mod error;
mod owner;
mod session;
mod style;

pub use command::{Command, PerLargeObject};
pub use definition::{definition, partitioned_access_method};
pub use drop::{Dropping, drop_large_object_if_exists, drop_object};
pub use error::StatementError;
pub use owner::owner;
pub use session::{SessionState, Setting};
pub use style::{Ownership, SourceSettings, Style, fixed_settings};
