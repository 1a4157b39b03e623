//! Damage that pg_restore does not report, for each compression and format.
//!
//! For most of these pg_restore exits with 0 and a short or wrong table: a file cut in half at the
//! end of a row, one without its last bytes (lz4, zstd), an empty one, a flipped bit.

use std::path::{Path, PathBuf};

use nocturne::archive::digests::Digests;
use nocturne::archive::{DataLocation, DumpId};
use nocturne::source::{self, Input};

use crate::cases::{Outcome, outcome};
use crate::fixtures::{self, copy_directory, verified};

/// Whether the compression's own checksum detects a flipped bit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksum {
    Yes,
    No,
}

/// One archive of the matrix: what is damaged in it and how it is checked.
struct Subject {
    name: String,
    _directory: tempfile::TempDir,
    archive: PathBuf,
    /// The damaged file: the archive or one of its files.
    file: PathBuf,
    whole: Vec<u8>,
    /// The bytes of the largest table in it.
    data: std::ops::Range<usize>,
    checksum: Checksum,
    digests: Digests,
}

impl Subject {
    fn new(
        name: &str,
        checksum: Checksum,
        prepare: impl FnOnce(&Path, DumpId) -> (PathBuf, PathBuf),
        data: impl FnOnce(&Path, &[u8], DumpId) -> std::ops::Range<usize>,
    ) -> Self {
        let source = fixtures::path(name);
        let report = verified(&source).unwrap();
        let tables = report.entries.iter().filter(|entry| entry.kind == "TABLE DATA");
        let largest = DumpId(tables.max_by_key(|entry| entry.read).unwrap().dump_id);
        let directory = tempfile::tempdir().unwrap();
        let (archive, file) = prepare(directory.path(), largest);
        let whole = std::fs::read(&file).unwrap();
        let data = data(&archive, &whole, largest);
        let digests = report.digests();
        let name = name.to_owned();
        Self { name, _directory: directory, archive, file, whole, data, checksum, digests }
    }

    fn directory(name: &str, checksum: Checksum) -> Self {
        let source = fixtures::path(name);
        let prepare = |directory: &Path, largest: DumpId| {
            let archive = directory.join("archive");
            copy_directory(&source, &archive);
            let files = std::fs::read_dir(&archive).unwrap().map(|file| file.unwrap().path());
            let start = format!("{largest}.dat");
            let mut files = files
                .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&start));
            let file = files.next().unwrap();
            (archive, file)
        };
        // After the gzip header, which is not checked.
        Self::new(name, checksum, prepare, |_, whole, _| 10..whole.len())
    }

    fn file(
        name: &str,
        checksum: Checksum,
        data: impl FnOnce(&Path, &[u8], DumpId) -> std::ops::Range<usize>,
    ) -> Self {
        let source = fixtures::path(name);
        let prepare = |directory: &Path, _| {
            let file = directory.join(source.file_name().unwrap());
            std::fs::copy(&source, &file).unwrap();
            (file.clone(), file)
        };
        Self::new(name, checksum, prepare, data)
    }

    fn damaged(&self, bytes: &[u8]) -> Outcome {
        std::fs::write(&self.file, bytes).unwrap();
        outcome(&self.archive, &self.digests)
    }

    fn assert_refused(&self, damage: &str, bytes: &[u8]) {
        let outcome = self.damaged(bytes);
        assert!(matches!(outcome, Outcome::Refused(_)), "{} {damage}: {outcome:?}", self.name);
    }
}

/// The block of an entry in a custom archive, without its leading framing bytes.
fn block(archive: &Path, whole: &[u8], id: DumpId) -> std::ops::Range<usize> {
    let archive = source::open(&Input::Path(archive.to_owned())).unwrap();
    let offset = |location: &DataLocation| match location {
        DataLocation::Offset(offset) => usize::try_from(*offset).ok(),
        _ => None,
    };
    let start = offset(&archive.toc.get(id).unwrap().data).unwrap();
    let others = archive.toc.entries.iter().filter_map(|entry| offset(&entry.data));
    let end = others.filter(|other| *other > start).min().unwrap_or(whole.len());
    start + 16..end - 5
}

/// The contents of an entry's member in a tar.
fn member(_: &Path, whole: &[u8], id: DumpId) -> std::ops::Range<usize> {
    let mut tar = tar::Archive::new(whole);
    let name = format!("{id}.dat");
    let mut entries = tar.entries().unwrap().map(Result::unwrap);
    let entry = entries.find(|entry| entry.path_bytes().ends_with(name.as_bytes())).unwrap();
    let start = usize::try_from(entry.raw_file_position()).unwrap();
    start..start + usize::try_from(entry.size()).unwrap()
}

fn subjects() -> Vec<Subject> {
    use Checksum::{No, Yes};
    vec![
        Subject::directory("every-pg18-directory-none", No),
        Subject::directory("warehouse-pg16-directory-gzip", Yes),
        Subject::directory("warehouse-pg17-directory-lz4", No),
        Subject::directory("every-pg17-directory-zstd", No),
        Subject::file("warehouse-pg15-custom-none.dump", No, block),
        Subject::file("warehouse-pg15-custom-gzip.dump", Yes, block),
        Subject::file("warehouse-pg17-custom-lz4.dump", No, block),
        Subject::file("warehouse-pg17-custom-zstd.dump", No, block),
        Subject::file("warehouse-pg15-tar-none.tar", No, member),
        Subject::file("every-pg16-tar-none-wrapped.tar.gz", Yes, |_, whole, _| 10..whole.len()),
        Subject::file("warehouse-pg16-directory-gzip-wrapped.tar.gz", Yes, |_, whole, _| {
            10..whole.len()
        }),
        Subject::file("warehouse-pg15-custom-gzip-scalingo.tar.gz", Yes, |_, whole, _| {
            10..whole.len()
        }),
    ]
}

#[test]
fn file_cut_in_half_is_an_error() {
    for subject in subjects() {
        subject.assert_refused("cut in half", &subject.whole[..subject.whole.len() / 2]);
        let middle = (subject.data.start + subject.data.end) / 2;
        subject.assert_refused("cut in the largest table", &subject.whole[..middle]);
    }
}

#[test]
fn file_cut_at_row_end_is_an_error() {
    for subject in subjects() {
        let data = &subject.whole[subject.data.clone()];
        if let Some(row) = data[..data.len() / 2].iter().rposition(|byte| *byte == b'\n') {
            let cut = subject.data.start + row + 1;
            subject.assert_refused("cut at a newline", &subject.whole[..cut]);
        }
    }
}

#[test]
fn file_without_last_4_bytes_is_an_error() {
    for subject in subjects() {
        let outcome = subject.damaged(&subject.whole[..subject.whole.len() - 4]);
        // A tar ends with empty blocks, which are never read.
        let expected = if subject.name.ends_with(".tar") {
            outcome == Outcome::Same
        } else {
            matches!(outcome, Outcome::Refused(_))
        };
        assert!(expected, "{}: {outcome:?}", subject.name);
        subject.assert_refused("table cut", &subject.whole[..subject.data.end - 4]);
    }
}

#[test]
fn emptied_file_is_an_error() {
    for subject in subjects() {
        subject.assert_refused("emptied", b"");
    }
}

#[test]
fn flipped_bit_fails_or_differs_from_the_digests() {
    for subject in subjects() {
        let step = subject.data.len() / 24;
        for at in subject.data.clone().skip(step / 2).step_by(step) {
            let mut bytes = subject.whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let outcome = subject.damaged(&bytes);
            let noticed = match subject.checksum {
                Checksum::Yes => matches!(outcome, Outcome::Refused(_)),
                Checksum::No => outcome != Outcome::Same,
            };
            assert!(noticed, "{} flipped at {at}: {outcome:?}", subject.name);
        }
    }
}

#[test]
fn missing_table_is_an_error() {
    for subject in subjects().iter().filter(|subject| subject.archive != subject.file) {
        std::fs::remove_file(&subject.file).unwrap();
        let report = verified(&subject.archive).unwrap();
        let broken: Vec<_> = report.entries.iter().filter(|entry| entry.error.is_some()).collect();
        assert_eq!(broken.len(), 1, "{}: {report}", subject.name);
        assert!(report.to_string().contains("is missing from the archive"), "{report}");
    }
}

#[test]
fn damaged_entry_does_not_stop_the_others() {
    for subject in subjects() {
        let whole = verified(&subject.archive).unwrap();
        if subject.name.ends_with(".gz") {
            continue;
        }
        let mut bytes = subject.whole.clone();
        // Rows of zeros: no end marker, no compressed stream.
        bytes[subject.data.clone()].fill(0);
        std::fs::write(&subject.file, bytes).unwrap();
        let report = verified(&subject.archive).unwrap();
        let broken = report.entries.iter().filter(|entry| entry.error.is_some()).count();
        assert_eq!((broken, report.entries.len()), (1, whole.entries.len()), "{report}");
        let digests = report.digests();
        let same =
            whole.digests().iter().filter(|(id, line)| digests.get(*id) == Some(line)).count();
        assert_eq!(same, whole.entries.len(), "{}", subject.name);
    }
}
