//! Hostile archives: each is refused with its place, or harmless.
//!
//! `SECURITY.md` names these tests. `tests/memory/` measures the memory that an archive can use.

mod bombs;
mod names;
mod numbers;

use std::io::Write;
use std::path::Path;

use crate::archive::tests::entry::bare;
use crate::archive::tests::writer::{Content, Custom, Model};
use crate::archive::{ArchiveError, Data, Desc, Entry, ReadCounter};
use crate::source::{Access, Archive, Input, open};

/// An archive assembled byte by byte. See `WriteHead` and `WriteToc` in
/// `src/bin/pg_dump/pg_backup_archiver.c`.
struct Raw(Vec<u8>);

impl Raw {
    /// A header of version 1.16, uncompressed: format 1 is custom, 3 is tar or directory.
    fn header(format: u8) -> Self {
        let mut raw = Self(b"PGDMP\x01\x10\0\x04\x08".to_vec());
        raw.0.extend([format, 0]);
        // Time, names and versions.
        for _ in 0..10 {
            raw.int(0);
        }
        raw
    }

    fn int(&mut self, value: i32) -> &mut Self {
        self.0.push(u8::from(value < 0));
        self.0.extend(value.unsigned_abs().to_le_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.int(text.len().try_into().unwrap());
        self.0.extend(text.as_bytes());
        self
    }

    fn null(&mut self) -> &mut Self {
        self.int(-1)
    }

    /// A TABLE DATA entry, up to its dependencies.
    fn entry(&mut self, id: i32, definition: &str) -> &mut Self {
        self.int(id).int(1).text("0").text("0").text("t").text("TABLE DATA").int(3);
        self.text(definition).null().text("COPY public.t (a) FROM stdin;\n").text("public");
        self.null().null().int(0).text("owner").text("false")
    }

    /// The data location in custom format: 1 not set, 2 at this byte, 3 no data.
    fn offset(&mut self, flag: u8, offset: u64) -> &mut Self {
        self.0.push(flag);
        self.0.extend(offset.to_le_bytes());
        self
    }

    /// A block of rows, in one chunk.
    fn block(&mut self, id: i32, rows: &str) -> &mut Self {
        self.0.push(1);
        self.int(id).text(rows).int(0)
    }
}

const CUSTOM: Custom = Custom { offsets: true, chunk: 4096 };

const ROWS: &str = "1\n\\.\n\n\n";

/// A table's rows as an entry of a [`Model`].
fn rows(id: i32) -> (Entry, Content) {
    (Entry { tag: "t".to_owned(), ..bare(id, Desc::TableData) }, Content::Rows(ROWS.into()))
}

fn objects(id: i32) -> (Entry, Content) {
    (bare(id, Desc::Blobs), Content::LargeObjects(vec![(77, b"seven".to_vec())]))
}

fn model(entries: Vec<(Entry, Content)>) -> Model {
    Model::of(entries)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// A tar of regular files.
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        add(&mut tar, name, tar::EntryType::Regular, content);
    }
    tar.into_inner().unwrap()
}

/// Adds a member with a name that no well-behaved writer would use.
fn add(tar: &mut tar::Builder<Vec<u8>>, name: &str, kind: tar::EntryType, content: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

/// Opens a file of these bytes. Its name is `hostile`.
fn open_bytes(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile");
    std::fs::write(&path, bytes).unwrap();
    open(&Input::Path(path))
}

/// The error from opening it.
fn refused(bytes: &[u8]) -> String {
    open_bytes(bytes).map(drop).unwrap_err().to_string()
}

/// Reads all data of all entries.
fn read(archive: Archive) -> Result<Vec<u8>, ArchiveError> {
    let mut all = Vec::new();
    match archive.access {
        Access::Random(random) => {
            for entry in archive.toc.entries.iter().filter(|entry| entry.had_dumper) {
                take(random.open(entry, ReadCounter::default())?, &mut all)?;
            }
        }
        Access::Stream(stream) => {
            stream.sizes()?;
        }
    }
    Ok(all)
}

fn take(data: Data, all: &mut Vec<u8>) -> Result<(), ArchiveError> {
    match data {
        Data::Rows(mut rows) => {
            std::io::copy(&mut rows, all).map_err(ArchiveError::from_io)?;
        }
        Data::LargeObjects(mut objects) => {
            while let Some(mut object) = objects.next_object()? {
                std::io::copy(&mut object.content, all).map_err(ArchiveError::from_io)?;
            }
        }
    }
    Ok(())
}

/// The errors from reading all of it, as a file and as a compressed stream.
fn both_refuse(bytes: &[u8]) -> [String; 2] {
    [bytes.to_vec(), gzip(bytes)].map(|bytes| {
        let read = open_bytes(&bytes).and_then(read);
        read.map(drop).unwrap_err().to_string()
    })
}

/// Writes the files of a directory archive.
fn unpack(folder: &Path, model: &Model) {
    for (name, content) in model.files() {
        std::fs::write(folder.join(name), content).unwrap();
    }
}
