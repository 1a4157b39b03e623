//! The data of one entry, to be read once.

use std::io::Read;

use super::error::Result;

/// The data of one entry, decompressed while it is read.
///
/// Every reader here requires the end of its compressed stream and its checksum: a reader that has
/// returned 0 bytes has read everything pg_dump wrote. Errors are [`std::io::Error`]s that carry an
/// archive error (see [`super::ArchiveError::from_io`]).
pub enum Data {
    /// COPY text with its end marker, or INSERT statements.
    Rows(Box<dyn Read + Send>),
    /// Large objects, one after another.
    LargeObjects(Box<dyn LargeObjects + Send>),
}

/// The form in which data is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Decompressed.
    Inflated,
    /// As stored in the archive: for comparisons only.
    AsItStands,
}

/// A series of large objects.
pub trait LargeObjects {
    /// The next object, or `None` after the last. The unread rest of the previous one is skipped.
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
