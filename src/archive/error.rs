//! Errors in an archive, with their place.

use std::fmt;
use std::io;

use super::entry::{DumpId, Entry};

/// Result of reading an archive.
pub type Result<T, E = ArchiveError> = std::result::Result<T, E>;

/// An error in an archive, with its place.
///
/// `Display` gives one line, `file: entry 42 TABLE DATA public.users: at byte 1234: unexpected
/// end of file`, with as much of the place as is known.
#[derive(Debug)]
pub struct ArchiveError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    file: Option<String>,
    entry: Option<(DumpId, String)>,
    offset: Option<u64>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system could not read.
    #[error("cannot read")]
    Io(#[source] io::Error),
    /// The input is not an archive.
    #[error("{0}")]
    NotAnArchive(String),
    /// The archive's format is too new or too old for this program.
    #[error("unsupported archive version {major}.{minor} (supported: 1.10 to 1.16)")]
    UnsupportedVersion {
        /// Major version in the header.
        major: u8,
        /// Minor version in the header.
        minor: u8,
    },
    /// The bytes end too early.
    #[error("unexpected end of data: {0}")]
    Truncated(String),
    /// The bytes break a rule of the format.
    #[error("{0}")]
    Malformed(String),
    /// A checksum does not match, or a compressed stream is damaged.
    #[error("damaged data: {0}")]
    Damaged(String),
    /// The data is intact, but not the data that was read before.
    #[error("{0}")]
    Changed(String),
    /// Something the TOC refers to is missing.
    #[error("{0}")]
    Missing(String),
    /// A limit that protects against hostile input.
    #[error("{0}")]
    Limit(String),
}

impl ArchiveError {
    /// An error of this kind, with no place yet.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, file: None, entry: None, offset: None }))
    }

    /// Short for [`ErrorKind::Malformed`].
    #[must_use]
    pub fn malformed(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed(what.into()))
    }

    /// Short for [`ErrorKind::Truncated`].
    #[must_use]
    pub fn truncated(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Truncated(what.into()))
    }

    /// Short for [`ErrorKind::Missing`].
    #[must_use]
    pub fn missing(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Missing(what.into()))
    }

    /// Classifies an I/O error: end of file is a truncation, invalid data is damage.
    #[must_use]
    pub fn from_io(error: io::Error) -> Self {
        // An archive error that passed through a `Read` comes out unchanged.
        let error = match error.downcast::<Self>() {
            Ok(own) => return own,
            Err(error) => error,
        };
        Self::new(match error.kind() {
            io::ErrorKind::UnexpectedEof => ErrorKind::Truncated(error.to_string()),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                ErrorKind::Damaged(error.to_string())
            }
            _ => ErrorKind::Io(error),
        })
    }

    /// Classifies an error of the splitter of statements: what is not a statement is malformed.
    pub(crate) fn from_statements(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::malformed(error.to_string()),
            _ => Self::from_io(error),
        }
    }

    /// Sets the file, unless it is set already.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.0.file.get_or_insert_with(|| file.into());
        self
    }

    /// Adds the archive: before the name of a file inside it, if that is set.
    #[must_use]
    pub fn in_archive(mut self, archive: &str) -> Self {
        let file = match self.0.file.take() {
            Some(file) if file == archive || file.starts_with(&format!("{archive}: ")) => file,
            Some(member) => format!("{archive}: {member}"),
            None => archive.to_owned(),
        };
        self.0.file = Some(file);
        self
    }

    /// Sets the entry, unless it is set already.
    #[must_use]
    pub fn in_entry(mut self, entry: &Entry) -> Self {
        self.0.entry.get_or_insert_with(|| (entry.dump_id, entry.label()));
        self
    }

    /// Sets the byte, counted from the start of the file, unless it is set already.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// A copy of the error, for another operation that fails for the same reason.
    #[must_use]
    pub(crate) fn again(&self) -> Self {
        let Inner { kind, file, entry, offset } = &*self.0;
        let kind = match kind {
            ErrorKind::Io(source) => ErrorKind::Io(match source.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(source.kind(), source.to_string()),
            }),
            ErrorKind::NotAnArchive(what) => ErrorKind::NotAnArchive(what.clone()),
            ErrorKind::UnsupportedVersion { major, minor } => {
                ErrorKind::UnsupportedVersion { major: *major, minor: *minor }
            }
            ErrorKind::Truncated(what) => ErrorKind::Truncated(what.clone()),
            ErrorKind::Malformed(what) => ErrorKind::Malformed(what.clone()),
            ErrorKind::Damaged(what) => ErrorKind::Damaged(what.clone()),
            ErrorKind::Changed(what) => ErrorKind::Changed(what.clone()),
            ErrorKind::Missing(what) => ErrorKind::Missing(what.clone()),
            ErrorKind::Limit(what) => ErrorKind::Limit(what.clone()),
        };
        let (file, entry, offset) = (file.clone(), entry.clone(), *offset);
        Self(Box::new(Inner { kind, file, entry, offset }))
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The byte in the file, if known.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The entry, if known.
    #[must_use]
    pub fn dump_id(&self) -> Option<DumpId> {
        self.0.entry.as_ref().map(|(id, _)| *id)
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, file, entry, offset } = &*self.0;
        if let Some(file) = file {
            write!(f, "{file}: ")?;
        }
        if let Some((id, label)) = entry {
            write!(f, "entry {id} {label}: ")?;
        }
        if let Some(offset) = offset {
            write!(f, "at byte {offset}: ")?;
        }
        kind.fmt(f)
    }
}

impl std::error::Error for ArchiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

impl From<ArchiveError> for io::Error {
    /// Lets an archive error pass through a `Read`; [`ArchiveError::from_io`] extracts it again.
    fn from(error: ArchiveError) -> Self {
        let kind = match error.kind() {
            ErrorKind::Truncated(_) => io::ErrorKind::UnexpectedEof,
            ErrorKind::Io(source) => source.kind(),
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_is_named_once_before_its_file() {
        let error = ArchiveError::truncated("in a row").in_file("7.dat.gz").in_archive("db.tar");
        assert_eq!(
            error.in_archive("db.tar").to_string(),
            "db.tar: 7.dat.gz: unexpected end of data: in a row"
        );
        let error = ArchiveError::truncated("in a row").in_archive("db.tar").in_archive("db.tar");
        assert_eq!(error.to_string(), "db.tar: unexpected end of data: in a row");
    }
}
