//! The archive format of pg_dump, as types. Independent of servers and async runtimes: input is
//! [`std::io::Read`].
//!
//! # The bytes of an archive
//!
//! The header and the table of contents (TOC) consist of three shapes, sized by the header.
//!
//! | shape | bytes |
//! |---|---|
//! | Int | a sign byte (0 is +), then `int_size` bytes of magnitude, least significant first |
//! | Str | an Int length, then as many bytes; a negative length is NULL |
//! | Offset | a flag byte (1 not set, 2 set, 3 no data), then `offset_size` bytes |
//!
//! **Header** ([`header`]): `PGDMP`; one byte each for major, minor and revision of the archive
//! version, `int_size`, `offset_size` and the format (1 custom, 3 tar and directory); the
//! compression (from 1.15 a byte for the algorithm, before an Int level); seven Ints of local
//! time; Str database name, Str server version, Str pg_dump version.
//!
//! **TOC** ([`toc`]): an Int count, then for each [`Entry`]:
//!
//! | what | from version | as |
//! |---|---|---|
//! | dump ID, whether it has data | | Int, Int |
//! | OID of its catalogue, its OID | | Str, Str |
//! | tag, kind | | Str, Str |
//! | section | 1.11 | Int |
//! | definition, DROP statement, COPY statement | | Str, Str, Str |
//! | schema, tablespace | | Str, Str |
//! | table access method | 1.14 | Str |
//! | relkind | 1.16 | Int |
//! | owner, "true" for WITH OIDS | | Str, Str |
//! | dump IDs it depends on | | Strs, ended by NULL |
//! | where its data is | | Offset (custom) or Str file name |
//!
//! **Data** follows the TOC in blocks ([`stream`] and the module `custom`), or is in files next to
//! `toc.dat`, in a directory or a tar. Supported versions: 1.10 (PostgreSQL 8.0) to 1.16 (17 and
//! 18).
//!
//! # Reading
//!
//! [`crate::source::open`] detects the format of an input and returns the TOC at once. Data is read
//! as [`Data`], either at any place and time, or from a [`stream`] in its own order. Every reader
//! requires a proper end: of each compressed stream, each series of chunks, each member of a tar.

pub(crate) mod budget;
pub(crate) mod codec;
pub(crate) mod custom;
pub mod data;
mod digest;
pub mod digests;
pub mod encoding;
pub mod entry;
pub mod error;
pub(crate) mod files;
pub mod header;
mod incremental;
pub(crate) mod objects;
mod primitives;
pub(crate) mod slice;
pub mod stream;
#[cfg(test)]
pub(crate) mod tests;
pub mod toc;

pub use data::{Data, LargeObject, LargeObjects};
pub use digest::{Digest, HashingReader};
pub use entry::{DataLocation, Desc, DumpId, Entry, Section};
pub use error::{ArchiveError, ErrorKind, Result};
pub use header::{Compression, Format, Header, LocalTime};
pub use slice::ReadCounter;
pub use toc::{Place, Toc, placed};
