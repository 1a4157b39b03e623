//! Opens an archive: where its bytes come from, and which format they have.
//!
//! The format is detected. A directory with a `toc.dat` is a directory archive. For a file or
//! standard input, the first bytes decide: an archive, a tar, or a compressor, whose output is
//! inspected in turn. This finds a custom archive inside a tar inside gzip, the form in which some
//! hosts deliver a backup, without unpacking anything. The bytes may come over HTTP ([`remote`])
//! and are restored while they arrive.
//!
//! Uncompressed data in a file can be read at any place, by several readers in parallel
//! ([`Access::Random`]). Everything else is read once, from start to end ([`Access::Stream`]).

mod detect;
mod mangled;
mod origin;
mod reader;
#[cfg(feature = "http")]
pub mod remote;
mod sequential;
mod sizes;
#[cfg(test)]
mod tests;
mod url;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use origin::Origin;
pub use reader::StreamAccess;
#[cfg(feature = "http")]
pub use remote::Address;
pub use sequential::Sequential;
pub use sizes::Sizes;
pub use url::AddressError;

#[cfg(feature = "http")]
use remote::{Download, DownloadOptions, Fixed, Start};

use crate::archive::custom::CustomFile;
use crate::archive::data::Form;
use crate::archive::files::Files;
use crate::archive::slice::FileSlice;
use crate::archive::{
    ArchiveError, Data, DataLocation, Desc, Entry, ErrorKind, Format, ReadCounter, Result, Toc,
};

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file or a directory.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// The content of this URL.
    #[cfg(feature = "http")]
    Url(Address),
}

impl Input {
    /// `-` is standard input, `http://…` and `https://…` are URLs, anything else is a path.
    ///
    /// # Errors
    /// When a URL is invalid.
    pub fn from_argument(argument: &Path) -> std::result::Result<Self, AddressError> {
        match argument.to_str() {
            Some("-") => Ok(Self::Stdin),
            Some(text) if url::is_meant(text) => Self::from_url(text),
            _ => Ok(Self::Path(argument.to_owned())),
        }
    }

    #[cfg(feature = "http")]
    fn from_url(text: &str) -> std::result::Result<Self, AddressError> {
        if text.starts_with("file://") {
            let url = reqwest::Url::parse(text).map_err(|_| AddressError)?;
            return url.to_file_path().map(Self::Path).map_err(|()| AddressError);
        }
        Address::parse(text).map(Self::Url)
    }

    #[cfg(not(feature = "http"))]
    fn from_url(_text: &str) -> std::result::Result<Self, AddressError> {
        Err(AddressError)
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
            #[cfg(feature = "http")]
            Self::Url(address) => address.fmt(f),
        }
    }
}

/// An archive whose table of contents has been read.
#[derive(Debug)]
pub struct Archive {
    /// Its name in messages.
    pub name: String,
    /// Its header and table of contents.
    pub toc: Arc<Toc>,
    /// Its format. A directory archive inside a tar counts as a tar.
    pub format: Format,
    /// The way to read its data.
    pub access: Access,
    /// The files it is stored in.
    pub origin: Origin,
}

/// The way to read an archive's data.
#[derive(Debug)]
pub enum Access {
    /// In any order, by several readers in parallel.
    Random(RandomAccess),
    /// Once, in the archive's order.
    Stream(StreamAccess),
}

/// The message about bytes after the last data block.
pub(crate) fn bytes_behind(bytes: u64) -> String {
    format!(
        "ignoring {bytes} bytes after the end of the archive, as pg_restore does \
         (pg_dump leaves them when its output is appended to a file with >>)"
    )
}

/// A seekable archive: its data can be read at any place.
#[derive(Clone, Debug)]
pub struct RandomAccess {
    name: Arc<str>,
    toc: Arc<Toc>,
    place: Arc<RandomFile>,
}

#[derive(Debug)]
enum RandomFile {
    Custom(Box<CustomFile>),
    Files(Arc<Files>),
}

impl RandomAccess {
    fn new(name: &str, toc: Toc, place: RandomFile) -> Self {
        Self { name: name.into(), toc: Arc::new(toc), place: Arc::new(place) }
    }

    /// Bytes of an entry's data in the archive, as far as known without reading it. After a full
    /// read, its [`ReadCounter`] has the same value; if not, the rest are stray bytes of no entry.
    #[must_use]
    pub fn size(&self, entry: &Entry) -> Option<u64> {
        match &*self.place {
            RandomFile::Custom(custom) => custom.size(entry),
            RandomFile::Files(_) if entry.desc == Desc::Blobs => None,
            RandomFile::Files(files) => files.size(entry, self.toc.header.version),
        }
    }

    /// A fault of the archive as a whole, outside the data of its entries. Entries that can be
    /// opened are unaffected.
    #[must_use]
    pub fn fault(&self) -> Option<ArchiveError> {
        match &*self.place {
            RandomFile::Custom(custom) => custom.fault().map(|error| error.in_archive(&self.name)),
            RandomFile::Files(_) => None,
        }
    }

    /// Bytes after the last data block of a custom archive, which belong to no entry. The size of
    /// the last entry may include them instead ([`RandomAccess::is_last`]).
    #[must_use]
    pub(crate) fn behind(&self) -> u64 {
        match &*self.place {
            RandomFile::Custom(custom) => custom.behind(),
            RandomFile::Files(_) => 0,
        }
    }

    /// Whether the entry's size may include bytes after its data that belong to no entry.
    pub(crate) fn is_last(&self, entry: &Entry) -> bool {
        matches!(&*self.place, RandomFile::Custom(custom) if custom.is_last(entry))
    }

    fn check(&self, entry: &Entry) -> Result<()> {
        let found = match &*self.place {
            RandomFile::Custom(custom) => custom.check(entry),
            RandomFile::Files(files) => {
                let version = self.toc.header.version;
                files.open(entry, version, Form::Inflated, ReadCounter::default()).map(drop)
            }
        };
        found.map_err(|error| error.in_entry(entry).in_file(&*self.name))
    }

    /// Opens the data of an entry. `counter` counts the bytes read from the archive.
    ///
    /// # Errors
    /// When the archive lacks the data, is damaged there, or cannot be read.
    pub fn open(&self, entry: &Entry, counter: ReadCounter) -> Result<Data> {
        self.open_as(entry, Form::Inflated, counter)
    }

    /// Opens the data of an entry without decompressing it, to compute its digest.
    ///
    /// # Errors
    /// As [`RandomAccess::open`].
    pub(crate) fn open_as_it_stands(&self, entry: &Entry, counter: ReadCounter) -> Result<Data> {
        self.open_as(entry, Form::AsItStands, counter)
    }

    fn open_as(&self, entry: &Entry, form: Form, counter: ReadCounter) -> Result<Data> {
        let data = match &*self.place {
            RandomFile::Custom(custom) => custom.open(entry, form, counter),
            RandomFile::Files(files) => files.open(entry, self.toc.header.version, form, counter),
        };
        data.map_err(|error| error.in_entry(entry).in_archive(&self.name))
    }
}

/// Opens an archive and reads its table of contents.
///
/// # Errors
/// When the input cannot be read, is not an archive, or has an unsupported version; when its header
/// or table of contents is damaged.
pub fn open(input: &Input) -> Result<Archive> {
    let name = input.to_string();
    let archive = match input {
        Input::Stdin => open_stdin(&name),
        Input::Path(path) if path.is_dir() => open_directory(&name, path.clone()),
        Input::Path(path) => {
            let file = File::open(path).map_err(ArchiveError::from_io);
            file.and_then(|file| locate(&name, file, true))
        }
        #[cfg(feature = "http")]
        Input::Url(address) => open_url(&name, address),
    };
    archive.map_err(|error| error.in_archive(&name))
}

fn open_directory(name: &str, path: PathBuf) -> Result<Archive> {
    let origin = Origin::directory(path.clone());
    let files = Arc::new(Files::Directory(path.clone()));
    let toc = match files.toc() {
        // Any other error has its own explanation.
        Err(error) if matches!(error.kind(), ErrorKind::Missing(_)) => {
            let what = "not a pg_dump directory archive (no toc.dat)".to_owned();
            return Err(ArchiveError::new(ErrorKind::NotAnArchive(what)));
        }
        toc => toc?,
    };
    let toc = Toc::read_files(toc).map_err(|error| {
        let head = File::open(path.join("toc.dat")).ok().map(mangled::head);
        mangled::explained(error, &head.unwrap_or_default()).in_file("toc.dat")
    })?;
    Ok(random(name, toc, Format::Directory, RandomFile::Files(files), origin))
}

/// Opens an archive as a stream. `name` is its name in messages.
///
/// # Errors
/// As [`open`].
pub fn open_stream(name: &str, reader: Box<dyn Read + Send>) -> Result<Archive> {
    stream(name, reader).map_err(|error| error.in_archive(name))
}

/// Opens an archive in an unnamed file, from the file's start. `name` is its name in messages.
///
/// # Errors
/// As [`open`].
pub fn open_file(name: &str, mut file: File) -> Result<Archive> {
    let archive =
        file.rewind().map_err(ArchiveError::from_io).and_then(|()| locate(name, file, true));
    archive.map_err(|error| error.in_archive(name))
}

#[cfg(feature = "http")]
fn open_url(name: &str, address: &Address) -> Result<Archive> {
    let fixed = Fixed(address.clone());
    let download = Download::start(fixed, None, Start::default(), DownloadOptions::default());
    let download = download.map_err(|error| ArchiveError::from_io(std::io::Error::other(error)))?;
    stream(name, Box::new(download.into_reader()))
}

fn locate(name: &str, mut file: File, is_whole: bool) -> Result<Archive> {
    let metadata = file.metadata().map_err(ArchiveError::from_io)?;
    if !metadata.is_file() {
        return stream(name, Box::new(file));
    }
    // Standard input may have been read from already.
    let start = file.stream_position().map_err(ArchiveError::from_io)?;
    let slice = FileSlice::new(Arc::new(file), start, metadata.len());
    let origin = Origin::file(slice.clone());
    let found = locate_in(name, &slice, is_whole);
    let found = match found {
        Ok(found) => mangled::checked(found, || mangled::head(slice))?,
        Err(error) => return Err(mangled::explained(error, &mangled::head(slice))),
    };
    Ok(Archive { origin, ..found })
}

/// Finds the archive in a file, wherever it starts.
fn locate_in(name: &str, slice: &FileSlice, is_whole: bool) -> Result<Archive> {
    let origin = Origin::default();
    match detect::locate(slice)? {
        detect::Located::Custom(slice) => {
            let (toc, data_start) = Toc::read_custom(slice.clone())?;
            let custom = Box::new(CustomFile::new(slice, &toc, data_start));
            Ok(random(name, toc, Format::Custom, RandomFile::Custom(custom), origin))
        }
        detect::Located::Files(files) => {
            let toc = Toc::read_files(files.toc()?).map_err(|error| error.in_file("toc.dat"))?;
            Ok(random(name, toc, Format::Tar, RandomFile::Files(Arc::new(files)), origin))
        }
        detect::Located::Stream => {
            let again = is_whole.then(|| slice.clone());
            let (toc, format, access) = StreamAccess::start(name, Box::new(slice.clone()), again)?;
            let access = Access::Stream(access);
            Ok(Archive { name: name.to_owned(), toc, format, access, origin })
        }
    }
}

fn open_stdin(name: &str) -> Result<Archive> {
    use std::os::fd::AsFd;
    let handle = std::io::stdin().as_fd().try_clone_to_owned().map_err(ArchiveError::from_io)?;
    let file = File::from(handle);
    // `nocturne restore < file` is seekable, a pipe is not.
    locate(name, file, false)
}

fn random(name: &str, toc: Toc, format: Format, place: RandomFile, origin: Origin) -> Archive {
    let access = RandomAccess::new(name, toc, place);
    Archive {
        name: name.to_owned(),
        toc: access.toc.clone(),
        format,
        access: Access::Random(access),
        origin,
    }
}

fn stream(name: &str, reader: Box<dyn Read + Send>) -> Result<Archive> {
    let (reader, head) = mangled::Kept::new(reader);
    let started = StreamAccess::start(name, Box::new(reader), None);
    let (toc, format, access) = started.map_err(|error| head.explained(error))?;
    let (name, access) = (name.to_owned(), Access::Stream(access));
    let archive = Archive { name, toc, format, access, origin: Origin::default() };
    mangled::checked(archive, || head.bytes())
}

/// Reads all of `reader` into `sink`, on this thread.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn walk(
    reader: Box<dyn Read + Send>,
    sink: &mut dyn crate::archive::stream::Sink,
) -> Result<()> {
    reader::read(reader, None, sink)
}

impl Archive {
    /// Checks, without reading it, that an entry's data exists. Catches most truncated archives
    /// before anything is changed in a database.
    ///
    /// # Errors
    /// When the data is missing.
    pub fn check_data(&self, entry: &Entry) -> Result<()> {
        match &self.access {
            Access::Random(random) if entry.data != DataLocation::None => random.check(entry),
            _ => Ok(()),
        }
    }
}
