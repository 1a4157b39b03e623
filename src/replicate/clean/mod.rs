//! Drops the objects of the last night, but for the tables that are kept.
//!
//! A [`DropPlan`] is made from the catalogue first, so that it can be looked at, and then carried
//! out, all of it or nothing. It holds what the connecting role owns, of every kind and in every
//! schema, and so works without being a superuser. Left alone are: what belongs to others, what
//! belongs to extensions, extensions that the restore does not create again, the schema `public` itself, privileges, and the schema
//! [`BOOKKEEPING`], where nocturne keeps its own records.
//!
//! Kept tables stay with their rows and all that they need: indexes, sequences, the types and
//! functions of their columns. Only foreign keys to tables that go are dropped. Before each drop
//! is committed it is checked that the kept tables are still what they were.

mod error;
mod execute;
mod locks;
mod plan;

pub use error::{CleanError, Holder};
pub use execute::{Progress, execute};
pub use plan::{Drop, DropPlan, Kind, Other, objects, others, plan};

pub use crate::target::BOOKKEEPING;
