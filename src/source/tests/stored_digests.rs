//! Tests: the digest of an entry's data does not depend on how it is read.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::archive::stream::{Answer, ItemOf, Sink, StreamItem};
use crate::archive::{Data, Digest, DumpId, Format, ReadCounter, Toc};
use crate::source::{Access, Archive, Input, open};

type Digests = HashMap<DumpId, Digest>;

/// Collects the digests of all entries in a stream.
#[derive(Default)]
struct Passing {
    current: Option<(DumpId, Sha256)>,
    digests: Digests,
}

impl Sink for Passing {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        self.current = match item.of {
            ItemOf::Entry(id) => Some((id, Sha256::new())),
            ItemOf::LargeObject(_) => None,
        };
        Answer::Take
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        if let Some((_, hash)) = &mut self.current {
            hash.update(&bytes);
        }
        Answer::Take
    }

    fn end(&mut self) -> Answer {
        self.digests.extend(self.current.take().map(|(id, hash)| (id, hash.into())));
        Answer::Take
    }
}

fn read_to_the_end(data: Data) {
    let all = |mut reader: Box<dyn Read + '_>| std::io::copy(&mut reader, &mut std::io::sink());
    match data {
        Data::Rows(reader) => drop(all(reader).unwrap()),
        Data::LargeObjects(mut objects) => {
            while let Some(object) = objects.next_object().unwrap() {
                all(object.content).unwrap();
            }
        }
    }
}

/// The digests of every entry as computed for a restore and for a comparison.
fn at_any_place(archive: &Archive) -> [Digests; 2] {
    let Access::Random(random) = &archive.access else { return Default::default() };
    [true, false].map(|inflated| {
        let with_data = archive.toc.entries.iter().filter(|entry| entry.had_dumper);
        let digests = with_data.map(|entry| {
            let counter = ReadCounter::hashing();
            read_to_the_end(match inflated {
                true => random.open(entry, counter.clone()).unwrap(),
                false => random.open_as_it_stands(entry, counter.clone()).unwrap(),
            });
            (entry.dump_id, counter.sha256().unwrap())
        });
        digests.collect()
    })
}

fn archives() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let paths = folder.read_dir().unwrap().map(|file| file.unwrap().path());
    let is_archive = |path: &PathBuf| {
        let extension = path.extension().unwrap_or_default();
        path.join("toc.dat").exists() || ["dump", "tar"].iter().any(|known| *known == extension)
    };
    paths.filter(is_archive).collect()
}

#[test]
fn digest_is_the_same_however_it_is_read() {
    let (mut seen, mut streamed) = (0, 0);
    for path in archives() {
        let archive = open(&Input::Path(path.clone())).unwrap();
        let [inflated, as_it_stands] = at_any_place(&archive);
        assert_eq!(inflated, as_it_stands, "{}", path.display());
        seen += inflated.len();
        let mut passing = Passing::default();
        if let Some(walked) = archive.origin.walk(&mut passing) {
            walked.unwrap();
            streamed += passing.digests.len();
            for (id, digest) in passing.digests {
                assert_eq!(inflated.get(&id), Some(&digest), "{} {id}", path.display());
            }
        }
    }
    assert!(seen > 100 && streamed > 100, "{seen} entries, {streamed} of streams");
}

#[test]
fn digest_of_custom_entry_covers_block_without_header() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/warehouse-pg15-custom-none.dump");
    let archive = open(&Input::Path(path.clone())).unwrap();
    let [digests, _] = at_any_place(&archive);
    let Access::Random(random) = &archive.access else { panic!("it is a plain file") };
    let bytes = std::fs::read(&path).unwrap();
    let layout = archive.toc.header.layout;
    for entry in &archive.toc.entries {
        if let crate::archive::DataLocation::Offset(offset) = entry.data
            && let Some(size) = random.size(entry)
        {
            let block =
                &bytes[usize::try_from(offset).unwrap()..][..usize::try_from(size).unwrap()];
            let data = &block[2 + usize::from(layout.int_size)..];
            assert_eq!(digests[&entry.dump_id], Digest::of(data));
        }
    }
    assert!(!digests.is_empty());
}
