//! Rows as COPY text: where they end, how many they are, and what they are in binary format.
//!
//! Pure: bytes in, bytes out. See "Text Format" and "Binary Format" in the documentation of COPY.
//!
//! A table's rows come out of the archive as pieces of text ([`CopyText`]), are cut into chunks of
//! whole rows ([`Chunks`]) and, where every column has a codec ([`ColumnType`]), are turned into
//! what `COPY … FROM STDIN (FORMAT binary)` takes ([`Transcoder`]). A chunk with a row that has no
//! exact binary form stays text. A [`RowSet`] tells whether two tables
//! hold the same rows. Which server and which session is the business of others.

mod codec;
mod columns;
mod copy_text;
mod row_set;
#[cfg(test)]
mod speed;
mod split;
mod statement;
mod transcode;

pub use columns::{COLUMNS_QUERY, CatalogType, ColumnType, TypeKind};
pub use copy_text::CopyText;
pub(crate) use copy_text::refuse_nul;
pub use row_set::{RowHasher, RowSet, RowSetKey};
pub use split::{Chunk, Chunks, Rows};
pub use statement::{CopyStatement, insert_into, table_name};
pub use transcode::{HEADER, Refusal, TRAILER, TranscodeError, Transcoder};
