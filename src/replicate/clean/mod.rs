//! Drops the objects of the previous night, except the kept tables.
//!
//! A [`DropPlan`] is made from the catalog first, so that it can be inspected, and then carried out
//! completely or not at all. It lists the objects that the connecting role owns, of every kind and
//! in every schema, so that no superuser is needed. These are left unchanged: objects of other
//! roles, members of extensions, extensions that the restore does not create again, the schema
//! `public` itself, privileges, and the schema [`BOOKKEEPING`] with nocturne's own records.
//!
//! Kept tables keep their rows and everything they need: indexes, sequences, the types and
//! functions of their columns. Only their foreign keys to dropped tables are dropped. Before a drop
//! is committed, the kept tables are checked to be unchanged.

mod error;
mod execute;
mod locks;
mod plan;

pub use error::{CleanError, Holder};
pub use execute::{DropProgress, execute};
pub use plan::{Drop, DropKind, DropPlan, Other, objects, others, plan};

pub use crate::server::BOOKKEEPING;
