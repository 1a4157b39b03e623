//! The data of one entry, as something to read once.

use std::io::Read;

use super::error::Result;

/// The data of one entry, decompressed while it is read.
///
/// Every reader in here demands the end of its compressed stream and its checksum: a reader that
/// has returned 0 bytes has read all that pg_dump wrote. What is wrong comes out as an
/// [`std::io::Error`] that carries an archive error (see [`super::Error::from_io`]).
pub enum Data {
    /// COPY text with its end marker, or INSERT statements.
    Rows(Box<dyn Read + Send>),
    /// Large objects, one after the other.
    LargeObjects(Box<dyn LargeObjects + Send>),
}

/// In which form data is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Decompressed.
    Inflated,
    /// As it stands in the archive: for whoever only compares.
    AsItStands,
}

/// A series of large objects.
pub trait LargeObjects {
    /// The next object, or `None` after the last. What is unread of the one before is skipped.
    ///
    /// # Errors
    /// When the archive is damaged or cannot be read.
    fn next_object(&mut self) -> Result<Option<LargeObject<'_>>>;
}

/// One large object.
pub struct LargeObject<'a> {
    /// Its OID.
    pub oid: u32,
    /// Its bytes.
    pub content: Box<dyn Read + Send + 'a>,
}
