//! The files an archive is stored in: detecting changes, and reading them again.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::reader;
use crate::archive::Digest;
use crate::archive::Result;
use crate::archive::slice::FileSlice;
use crate::archive::stream::Sink;

/// Where an archive is stored.
#[derive(Clone, Debug, Default)]
pub struct Origin(Location);

#[derive(Clone, Debug, Default)]
enum Location {
    /// It came over a pipe or a network.
    #[default]
    Elsewhere,
    File(FileSlice),
    Directory(PathBuf),
}

impl Origin {
    pub(super) fn file(slice: FileSlice) -> Self {
        Self(Location::File(slice))
    }

    pub(super) fn directory(path: PathBuf) -> Self {
        Self(Location::Directory(path))
    }

    /// The state of the archive's files: their sizes and times. While it is unchanged, no one has
    /// written to them. `None` if the archive is not in a file.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub(crate) fn state(&self) -> io::Result<Option<String>> {
        match &self.0 {
            Location::Elsewhere => Ok(None),
            Location::File(slice) => Ok(Some(of_file(&slice.metadata()?))),
            Location::Directory(path) => of_directory(path).map(Some),
        }
    }

    /// Reads the file from its start as a stream, into `sink`. `None` if there is no file.
    pub(crate) fn walk(&self, sink: &mut dyn Sink) -> Option<Result<()>> {
        match &self.0 {
            Location::File(slice) => {
                Some(reader::read(Box::new(slice.clone()), Some(slice.clone()), sink))
            }
            Location::Elsewhere | Location::Directory(_) => None,
        }
    }

    /// Whether [`Origin::walk`] can read it.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.0, Location::File(_))
    }
}

/// Includes the change time, because the modification time can be set at will: `cp -p`, `tar` and
/// `rsync -t` do so when they copy a file over another.
fn of_file(metadata: &Metadata) -> String {
    format!(
        "{} bytes, modified {}.{:09}, changed {}.{:09}",
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec()
    )
}

fn of_directory(path: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for file in path.read_dir()? {
        let file = file?;
        files.push((file.file_name(), of_file(&file.metadata()?)));
    }
    files.sort_unstable();
    let listing = files.iter().flat_map(|(name, state)| {
        [name.as_encoded_bytes(), b"\0", state.as_bytes(), b"\0"].concat()
    });
    let digest = Digest::of(&listing.collect::<Vec<u8>>());
    Ok(format!("{} files, {digest}", files.len()))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes, write};
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn state_of_file(path: &Path) -> String {
        let file = File::open(path).unwrap();
        let len = file.metadata().unwrap().len();
        let origin = Origin::file(FileSlice::new(Arc::new(file), 0, len));
        origin.state().unwrap().unwrap()
    }

    fn state_of_directory(path: &Path) -> String {
        Origin::directory(path.to_owned()).state().unwrap().unwrap()
    }

    fn touch(path: &Path) {
        let other = SystemTime::now() - Duration::from_secs(3600);
        let times = FileTimes::new().set_modified(other);
        File::options().write(true).open(path).unwrap().set_times(times).unwrap();
    }

    #[test]
    fn state_changes_only_when_the_file_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        write(&path, "data").unwrap();
        let state = state_of_file(&path);
        assert_eq!(state_of_file(&path), state);
        touch(&path);
        assert_ne!(state_of_file(&path), state);
    }

    #[test]
    fn any_file_of_a_directory_changes_its_state() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["toc.dat", "1.dat", "2.dat"] {
            write(folder.path().join(name), "data").unwrap();
        }
        let state = state_of_directory(folder.path());
        assert_eq!(state_of_directory(folder.path()), state);
        touch(&folder.path().join("2.dat"));
        let touched = state_of_directory(folder.path());
        assert_ne!(touched, state);
        std::fs::remove_file(folder.path().join("1.dat")).unwrap();
        assert_ne!(state_of_directory(folder.path()), touched);
    }

    #[test]
    fn piped_archive_has_no_state() {
        assert_eq!(Origin::default().state().unwrap(), None);
        assert!(!Origin::default().is_file());
    }
}
