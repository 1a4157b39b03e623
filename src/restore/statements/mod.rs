//! The SQL of an entry.
//!
//! Pure text: a restore into a database sends it, [`crate::restore::script`] writes it to a file. The rules
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
mod owner;
mod session;
mod style;
#[cfg(test)]
pub(crate) mod tests;

pub use command::{Command, PerLargeObject};
pub use definition::{definition, partitioned_access_method};
pub use drop::{Dropping, drop_large_object_if_exists, drop_object};
pub use owner::owner;
pub use session::{SessionState, Setting};
pub use style::{Ownership, SourceSettings, Style, fixed_settings};

/// Why an entry cannot become SQL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// A list of large objects contains something that is not an OID.
    #[error("\"{0}\" in a list of large objects is not an OID")]
    NotAnOid(String),
    /// A `LARGE OBJECTS` entry without the BLOB METADATA entry that lists the objects.
    #[error("the archive lacks the list of large objects that the privileges are for")]
    NoBlobMetadata,
    /// The privileges of large objects cannot be split.
    #[error("cannot expand the privileges")]
    MalformedAcl(#[from] crate::sql::acl::MalformedAcl),
    /// An ENCODING or STDSTRINGS entry that is not in pg_dump's form.
    #[error("invalid {0} entry")]
    InvalidSetting(&'static str),
    /// pg_restore would die with "don't know how to set owner for object type". The object itself
    /// is created; it stays owned by the restoring role.
    #[error("do not know how to set the owner of a {0}")]
    UnknownOwnerKind(String),
}
