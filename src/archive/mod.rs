//! What pg_dump wrote, as types.

pub(crate) mod codec;
pub(crate) mod custom;
pub mod data;
pub mod encoding;
pub mod entry;
pub mod error;
pub(crate) mod files;
pub mod header;
mod incremental;
#[cfg(test)]
mod models;
mod primitives;
#[cfg(test)]
mod round_trip;
pub(crate) mod slice;
pub mod stream;
pub mod toc;
#[cfg(test)]
pub(crate) mod writer;

pub use data::{Data, LargeObject, LargeObjects};
pub use entry::{DataLocation, Desc, DumpId, Entry, Section};
pub use error::{Error, ErrorKind, Result};
pub use header::{Compression, Format, Header};
pub use slice::ReadCounter;
pub use toc::Toc;
