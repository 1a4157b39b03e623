//! Directory and tar format: one file for the TOC and one for each entry with data.
//!
//! The two differ only in where the files are: in a directory, or as members of a tar. A file may
//! be compressed, as its suffix shows. See `src/bin/pg_dump/pg_backup_directory.c`,
//! `pg_backup_tar.c` and `compress_io.c`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::codec::{Decoder, GzipFraming};
use super::data::{Data, Form, LargeObject, LargeObjects};
use super::entry::{DataLocation, Desc, Entry};
use super::error::{ArchiveError, ErrorKind, Result};
use super::header::{Compression, Version};
use super::slice::{Counted, FileSlice, ReadCounter};

/// pg_dump's suffixes for compressed files, in pg_restore's order of lookup.
const SUFFIXES: [(&str, Compression); 4] = [
    ("", Compression::None),
    (".gz", Compression::Gzip),
    (".lz4", Compression::Lz4),
    (".zst", Compression::Zstd),
];

/// The longest line accepted in a list of large objects, in bytes.
const MAX_LINE: u64 = 4096;

/// Whether a name in an archive refers to a file in the archive's own directory.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "." && name != ".."
}

/// The name without its compression suffix, and the compression it stands for.
pub(super) fn split_suffix(name: &str) -> (&str, Compression) {
    SUFFIXES[1..]
        .iter()
        .find_map(|(suffix, compression)| Some((name.strip_suffix(suffix)?, *compression)))
        .unwrap_or((name, Compression::None))
}

/// Where the files of an archive are.
#[derive(Debug)]
pub(crate) enum Files {
    /// In this directory.
    Directory(PathBuf),
    /// In this tar: the place of each member by name.
    Tar {
        /// The tar.
        slice: FileSlice,
        /// Offset and size of each member.
        members: HashMap<String, (u64, u64)>,
    },
}

/// One file of an archive, found but not read.
pub(super) struct Member {
    name: String,
    compression: Compression,
    slice: FileSlice,
}

impl Files {
    /// The file with this name, or with this name and a suffix.
    pub(super) fn find(&self, name: &str) -> Result<Member> {
        if !is_plain_name(name) {
            let what = format!("the archive refers to a file outside itself ({name:?})");
            return Err(ArchiveError::new(ErrorKind::Malformed(what)));
        }
        for (suffix, compression) in SUFFIXES {
            let name = format!("{name}{suffix}");
            if let Some(slice) = self.get(&name).map_err(|error| error.in_file(&name))? {
                return Ok(Member { name, compression, slice });
            }
        }
        Err(ArchiveError::missing(format!("the file {name} is missing from the archive")))
    }

    /// The file with exactly this name.
    fn get(&self, name: &str) -> Result<Option<FileSlice>> {
        match self {
            Self::Directory(directory) => {
                let Some(file) = open_regular(&directory.join(name))? else { return Ok(None) };
                let len = file.metadata().map_err(ArchiveError::from_io)?.len();
                Ok(Some(FileSlice::new(Arc::new(file), 0, len)))
            }
            Self::Tar { slice, members } => {
                Ok(members.get(name).map(|(offset, size)| slice.part(*offset, *size)))
            }
        }
    }

    /// The table of contents, which is never compressed.
    pub(crate) fn toc(&self) -> Result<impl Read + use<>> {
        match self.get("toc.dat").map_err(|error| error.in_file("toc.dat"))? {
            Some(slice) => Ok(BufReader::new(slice)),
            None => Err(ArchiveError::missing("the file toc.dat is missing from the archive")),
        }
    }

    /// Bytes of the entry's data in the archive. For large objects, only of their list: each object
    /// is a separate file.
    pub(crate) fn size(&self, entry: &Entry, version: Version) -> Option<u64> {
        let found = self.find(&data_name(entry, version)?).ok()?;
        Some(found.slice.len())
    }

    /// Opens the data of an entry.
    pub(crate) fn open(
        self: &Arc<Self>,
        entry: &Entry,
        version: Version,
        form: Form,
        counter: ReadCounter,
    ) -> Result<Data> {
        let Some(name) = data_name(entry, version) else {
            return Err(ArchiveError::missing("the archive does not name a data file for it"));
        };
        let found = self.find(&name)?;
        if entry.desc != Desc::Blobs {
            return Ok(Data::Rows(found.read(form, counter)));
        }
        Ok(Data::LargeObjects(Box::new(ListedObjects {
            files: self.clone(),
            list_name: found.name.clone(),
            // The OIDs in the list are hashed with each object.
            list: BufReader::new(found.read(Form::Inflated, counter.count_only())),
            form,
            counter,
        })))
    }
}

/// Opens a file of a directory archive; `None` if it does not exist. The archive's author chooses
/// what is there: a link could expose any file of this machine, opening a FIFO would block forever,
/// opening a device may have side effects. pg_dump writes none of them.
fn open_regular(path: &Path) -> Result<Option<File>> {
    let refuse = |file_type: std::fs::FileType| match file_type {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_symlink() => {
            Err(ArchiveError::malformed("a symbolic link; links in an archive are not followed"))
        }
        _ => Err(ArchiveError::malformed("not a regular file")),
    };
    match path.symlink_metadata() {
        Ok(metadata) => refuse(metadata.file_type())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ArchiveError::from_io(error)),
    }
    // The file may have been replaced in the meantime.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty());
    let file = File::from(file.map_err(|errno| ArchiveError::from_io(errno.into()))?);
    refuse(file.metadata().map_err(ArchiveError::from_io)?.file_type())?;
    Ok(Some(file))
}

/// The name of the file with an entry's data.
///
/// For large objects it is their list: `blobs.toc` before 1.16, whatever the TOC contains
/// (`_LoadLOs` in `pg_backup_directory.c`), and `blobs_NNN.toc` since. The TOC of a tar always has
/// `NNN.dat`, a file that does not exist (`_ArchiveEntry` and `_StartLOs` in `pg_backup_tar.c`).
pub(super) fn data_name(entry: &Entry, version: Version) -> Option<Cow<'_, str>> {
    match &entry.data {
        _ if entry.desc == Desc::Blobs && !version.at_least(16) => Some("blobs.toc".into()),
        DataLocation::File(name) if entry.desc == Desc::Blobs && name.ends_with(".dat") => {
            Some(format!("blobs_{}.toc", entry.dump_id).into())
        }
        DataLocation::File(name) => Some(name.into()),
        _ => None,
    }
}

impl Member {
    fn read(self, form: Form, counter: ReadCounter) -> Box<dyn Read + Send> {
        let (compression, reader) = self.raw(counter);
        match form {
            Form::Inflated => Box::new(Decoder::new(compression, GzipFraming::Gzip, reader)),
            Form::AsItStands => Box::new(reader),
        }
    }

    fn read_large_object(self, oid: u32, form: Form, counter: ReadCounter) -> Box<dyn Read + Send> {
        counter.hash(&oid.to_le_bytes());
        counter.hash(&self.slice.len().to_le_bytes());
        let (compression, reader) = self.raw(counter);
        match form {
            Form::Inflated => Box::new(Decoder::large_object_file(compression, reader)),
            Form::AsItStands => Box::new(reader),
        }
    }

    fn raw(self, counter: ReadCounter) -> (Compression, impl Read + Send + use<>) {
        let reader = Counted { reader: self.slice, counter };
        (self.compression, Named { name: self.name, reader })
    }
}

/// Adds the file's name to errors.
struct Named<R> {
    name: String,
    reader: R,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        self.reader
            .read(output)
            .map_err(|error| ArchiveError::from_io(error).in_file(&self.name).into())
    }
}

/// Large objects from their list: lines of `OID file`.
struct ListedObjects {
    files: Arc<Files>,
    list_name: String,
    list: BufReader<Box<dyn Read + Send>>,
    form: Form,
    counter: ReadCounter,
}

impl LargeObjects for ListedObjects {
    fn next_object(&mut self) -> Result<Option<LargeObject<'_>>> {
        let Some((oid, name)) =
            next_line(&mut self.list).map_err(|error| error.in_file(&self.list_name))?
        else {
            return Ok(None);
        };
        let found = self.files.find(&name).map_err(|error| error.in_file(&self.list_name))?;
        let content = found.read_large_object(oid, self.form, self.counter.clone());
        Ok(Some(LargeObject { oid, content }))
    }
}

/// The next line of a list of large objects.
pub(super) fn next_line(list: &mut impl BufRead) -> Result<Option<(u32, String)>> {
    let mut line = Vec::new();
    list.take(MAX_LINE).read_until(b'\n', &mut line).map_err(ArchiveError::from_io)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(ArchiveError::truncated("in the list of large objects"));
    }
    let line = String::from_utf8_lossy(&line).into_owned();
    match line.split_once(' ').map(|(oid, name)| (oid.parse(), name)) {
        Some((Ok(oid), name)) if oid != 0 => Ok(Some((oid, name.to_owned()))),
        _ => Err(ArchiveError::malformed(format!(
            "invalid line in the list of large objects: {line:?}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_outside_the_archive_is_refused_before_open() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret.dat"), "secret").unwrap();
        let inside = outside.path().join("archive");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("1.dat"), "rows").unwrap();
        let files = Files::Directory(inside.clone());
        assert!(files.find("1.dat").is_ok());
        let absolute = outside.path().join("secret.dat");
        for name in ["../secret.dat", absolute.to_str().unwrap(), "..", ".", "", "a\\b", "a\0b"] {
            let error = files.find(name).err().expect(name).to_string();
            assert!(error.contains("outside itself"), "{name:?}: {error}");
        }
    }
}
