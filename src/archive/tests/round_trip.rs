//! Reads back what [`super::writer`] writes: by offset, by scan, from files, from a tar, and as a
//! stream.

use std::io::{Cursor, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::prelude::*;

use super::Slow;
use super::entry::bare;
use super::models::model;
use super::writer::{Content, Custom, Model, compress};
use crate::archive::codec::GzipFraming;
use crate::archive::data::Data;
use crate::archive::entry::{DataLocation, Desc, Entry};
use crate::archive::header::{Compression, Format};
use crate::archive::slice::ReadCounter;
use crate::archive::stream::{Answer, ItemOf, Sink, StreamItem};
use crate::archive::toc::{Container, Toc};
use crate::source::{self, Access, Archive, Input};
use crate::verify::{VerifyOptions, VerifyReport, verify};

/// A directory for one case, with the archive in it.
struct Case(tempfile::TempDir);

impl Case {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn directory(&self, model: &Model) -> PathBuf {
        let path = self.0.path().join("directory");
        std::fs::create_dir(&path).unwrap();
        for (name, content) in model.files() {
            std::fs::write(path.join(name), content).unwrap();
        }
        path
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    compress(Compression::Gzip, GzipFraming::Gzip, bytes)
}

fn open(path: &Path) -> Archive {
    source::open(&Input::Path(path.to_owned())).unwrap()
}

/// The entries equal the model's; `data` gives the expected location of each entry's data.
fn assert_entries(model: &Model, toc: &Toc, data: impl Fn(&Entry, &DataLocation) -> DataLocation) {
    assert_eq!(toc.entries.len(), model.entries.len());
    assert_eq!(toc.header.dbname, model.dbname.clone().unwrap_or_default());
    for (read, (entry, content)) in toc.entries.iter().zip(&model.entries) {
        let location = match content {
            Content::None => DataLocation::None,
            _ => data(entry, &read.data),
        };
        assert_eq!(format!("{read:?}"), format!("{:?}", model.as_read(entry, location)));
    }
}

/// Compares all data of a seekable archive.
fn assert_contents(model: &Model, archive: &Archive) {
    let Access::Random(random) = &archive.access else {
        panic!("{} should be readable at any place", archive.name);
    };
    assert!(random.fault().is_none());
    for (entry, (_, content)) in archive.toc.entries.iter().zip(&model.entries) {
        match content {
            Content::None => {}
            Content::Rows(rows) => {
                let counter = ReadCounter::default();
                let data = random.open(entry, counter.clone()).unwrap();
                assert_eq!(&read_rows(data), rows);
                assert_eq!(random.size(entry), Some(counter.get()));
            }
            Content::LargeObjects(objects) => {
                let data = random.open(entry, ReadCounter::default()).unwrap();
                assert_eq!(&read_objects(data), objects);
            }
        }
    }
}

fn read_rows(data: Data) -> Vec<u8> {
    let Data::Rows(mut reader) = data else { panic!("rows were expected") };
    let mut rows = Vec::new();
    reader.read_to_end(&mut rows).unwrap();
    rows
}

fn read_objects(data: Data) -> Vec<(u32, Vec<u8>)> {
    let Data::LargeObjects(mut objects) = data else { panic!("large objects were expected") };
    let mut all = Vec::new();
    while let Some(mut object) = objects.next_object().unwrap() {
        let mut content = Vec::new();
        object.content.read_to_end(&mut content).unwrap();
        all.push((object.oid, content));
    }
    all
}

fn report(path: &Path) -> VerifyReport {
    let options = VerifyOptions {
        jobs: NonZeroUsize::new(2).unwrap(),
        wanted: None,
        digests: true,
        rows: None,
    };
    let report = verify(open(path), &options, &|_| ());
    assert!(report.is_intact(), "{report}");
    report
}

/// Keeps every item of a stream.
#[derive(Default)]
struct Keep(Vec<(StreamItem, Vec<u8>)>);

impl Sink for Keep {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        self.0.push((item.clone(), Vec::new()));
        Answer::Take
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        self.0.last_mut().unwrap().1.extend_from_slice(&bytes);
        Answer::Take
    }

    fn end(&mut self) -> Answer {
        Answer::Take
    }
}

fn walk(bytes: &[u8], step: usize) -> Vec<(ItemOf, Vec<u8>)> {
    let mut keep = Keep::default();
    source::walk(Box::new(Slow(Cursor::new(bytes.to_vec()), step)), &mut keep).unwrap();
    keep.0.into_iter().map(|(item, bytes)| (item.of, bytes)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn custom_archive_round_trips(
        model in model(),
        offsets in any::<bool>(),
        chunk in prop_oneof![1..40usize, Just(4096)],
    ) {
        let case = Case::new();
        let archive = open(&case.file("custom", &model.custom(Custom { offsets, chunk })));
        prop_assert_eq!(archive.format, Format::Custom);
        assert_entries(&model, &archive.toc, |_, read| match (offsets, read) {
            (true, DataLocation::Offset(offset)) => DataLocation::Offset(*offset),
            _ => DataLocation::OffsetNotSet,
        });
        assert_contents(&model, &archive);
    }

    #[test]
    fn directory_and_tar_round_trip(model in model()) {
        let case = Case::new();
        for path in [case.directory(&model), case.file("tar", &model.tar())] {
            let archive = open(&path);
            assert_entries(&model, &archive.toc, |entry, _| {
                DataLocation::File(model.file_name(entry))
            });
            assert_contents(&model, &archive);
        }
    }

    #[test]
    fn every_reader_gives_the_same_report(model in model(), chunk in 1..500usize) {
        let case = Case::new();
        let custom = model.custom(Custom { offsets: true, chunk });
        let piped = model.custom(Custom { offsets: false, chunk });
        let mut wrapper = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(custom.len() as u64);
        wrapper.append_data(&mut header, "backup/it.pgsql", &custom[..]).unwrap();
        let wrapped = wrapper.into_inner().unwrap();
        let paths = [
            case.directory(&model),
            case.file("custom", &custom),
            case.file("piped", &piped),
            case.file("custom.gz", &gzip(&custom)),
            case.file("custom.tar", &wrapped),
            case.file("custom.tar.gz", &gzip(&wrapped)),
            case.file("tar", &model.tar()),
            case.file("tar.gz", &gzip(&model.tar())),
        ];
        let reports: Vec<VerifyReport> = paths.iter().map(|path| report(path)).collect();
        for other in &reports[1..] {
            prop_assert_eq!(reports[0].digests(), other.digests(), "{}", &other.archive);
            prop_assert_eq!(reports[0].toc_digest, other.toc_digest);
        }
    }

    #[test]
    fn tiny_reads_equal_one_read(
        model in model(),
        chunk in 1..200usize,
        step in 1..20usize,
    ) {
        for bytes in [model.custom(Custom { offsets: true, chunk }), model.tar()] {
            let at_once = walk(&bytes, usize::MAX);
            prop_assert_eq!(&walk(&bytes, step), &at_once);
            prop_assert_eq!(walk(&gzip(&bytes), step), at_once);
        }
        let toc = &model.files()[0].1;
        let mut budget = crate::archive::budget::Budget::unlimited();
        let slow = Toc::read(Slow(&toc[..], step), Container::Files, &mut budget);
        let (slow, _) = slow.unwrap();
        assert_entries(&model, &slow, |entry, _| DataLocation::File(model.file_name(entry)));
    }

    #[test]
    fn every_prefix_of_a_toc_is_an_error(model in model()) {
        let toc = &model.files()[0].1;
        for cut in 0..toc.len() {
            prop_assert!(Toc::read_files(&toc[..cut]).is_err(), "cut at {cut}");
        }
        prop_assert!(Toc::read_files(&[toc, &b"x"[..]].concat()[..]).is_err());
    }
}

#[test]
fn tar_with_toc_last_is_read_as_a_file() {
    let mut entry = bare(1, Desc::TableData);
    entry.copy_stmt = "COPY public.t (a) FROM stdin;\n".to_owned();
    let model = Model::of(vec![(entry, Content::Rows(b"1\n\\.\n\n\n".to_vec()))]);
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in model.files().iter().rev() {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, &content[..]).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let case = Case::new();
    let paths = [case.file("tar", &tar), case.file("tar.gz", &gzip(&tar))];
    assert!(paths.iter().all(|path| report(path).entries.len() == 1));
    let error = source::walk(Box::new(Cursor::new(tar)), &mut Keep::default()).unwrap_err();
    assert!(error.to_string().contains("toc.dat"), "{error}");
}

#[test]
fn entry_naming_an_outside_file_is_refused() {
    let case = Case::new();
    let mut outside = std::fs::File::create(case.0.path().join("secret")).unwrap();
    outside.write_all(b"1\n\\.\n\n\n").unwrap();
    let files = crate::archive::files::Files::Directory(case.0.path().join("directory"));
    let files = std::sync::Arc::new(files);
    for name in ["../secret", "/etc/passwd", "..", ".", "", "a\0b"] {
        let error = files.find(name).map(drop).unwrap_err();
        assert!(error.to_string().contains("outside itself"), "{name}: {error}");
    }
}
