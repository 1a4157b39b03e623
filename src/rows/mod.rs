//! Rows as COPY text: where they end, how many they are, and what they are in binary format.
//!
//! Pure: bytes in, bytes out. See "Text Format" and "Binary Format" in the documentation of COPY.
//!
//! A table's rows come out of the archive as pieces of text ([`CopyText`]) and, where every column
//! has a codec ([`ColumnType`]), are turned into what `COPY … FROM STDIN (FORMAT binary)` takes
//! ([`Transcoder`]). [`BinaryText`] does both, and goes on with text from the first row on that
//! has no exact binary form. Which server and which session is the business of others.

mod binary_text;
mod codec;
mod columns;
mod copy_text;
#[cfg(test)]
mod speed;
mod statement;
mod transcode;

pub use binary_text::{BinaryText, Rows};
pub use columns::{COLUMNS_QUERY, CatalogType, ColumnType, TypeKind};
pub use copy_text::CopyText;
pub use statement::CopyStatement;
pub use transcode::{HEADER, Refusal, TRAILER, TranscodeError, Transcoder};
