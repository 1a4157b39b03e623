//! What pg_dump wrote, as types.

pub mod entry;
pub mod error;

pub use entry::{DataLocation, Desc, DumpId, Entry, Section};
pub use error::{Error, ErrorKind, Result};
