//! Rows as COPY text: their boundaries, their number, and their binary format.
//!
//! Pure: bytes in, bytes out. See "Text Format" and "Binary Format" in the documentation of COPY.
//!
//! A table's rows are read from the archive as pieces of text ([`CopyText`]), cut into chunks of
//! whole rows ([`TextPieces`]) and, if every column has a codec ([`ColumnType`]), converted to the
//! input of `COPY … FROM STDIN (FORMAT binary)` ([`Transcoder`]). A chunk with a row that has no
//! exact binary form stays text. A [`RowSet`] shows whether two tables contain the same rows, a
//! [`RowTag`] which of them.
//! Servers and sessions are handled elsewhere.

mod codec;
mod columns;
mod copy_text;
mod row_set;
mod row_tags;
mod split;
mod statement;
#[cfg(test)]
mod tests;
mod transcode;

pub use columns::{COLUMNS_QUERY, CatalogType, ColumnType, TypeKind};
pub use copy_text::CopyText;
pub(crate) use copy_text::refuse_nul;
pub use row_set::{RowHasher, RowSet, RowSetKey};
pub use row_tags::{RowTag, Tagger};
pub use split::{Rows, TextPiece, TextPieces};
pub use statement::{CopyStatement, insert_into, table_name};
pub use transcode::{HEADER, Refusal, TRAILER, TranscodeError, Transcoder};
