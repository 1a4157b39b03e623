//! What pg_dump wrote, as types.

pub mod data;
pub mod entry;
pub mod error;

pub use data::{Data, LargeObject, LargeObjects};
pub use entry::{DataLocation, Desc, DumpId, Entry, Section};
pub use error::{Error, ErrorKind, Result};
