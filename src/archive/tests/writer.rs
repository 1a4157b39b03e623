//! Writes archives for tests, so that the reader's expected output is known exactly.
//!
//! It covers every version of pg_dump and forms that pg_dump no longer writes: versions 1.10 to
//! 1.16, Ints of any size, chunks of any length. See `WriteHead` and `WriteToc` in
//! `src/bin/pg_dump/pg_backup_archiver.c`.

use std::io::Write;

use crate::archive::codec::GzipFraming;
use crate::archive::encoding::Encoding;
use crate::archive::entry::{DataLocation, Desc, Entry, Section};
use crate::archive::header::{Compression, Format};
use crate::archive::toc::Toc;

/// An archive to be written.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The version is 1.`minor`.
    pub(crate) minor: u8,
    pub(crate) int_size: u8,
    pub(crate) offset_size: u8,
    pub(crate) compression: Compression,
    pub(crate) dbname: Option<String>,
    pub(crate) entries: Vec<(Entry, Content)>,
}

/// The data of an entry.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    None,
    Rows(Vec<u8>),
    LargeObjects(Vec<(u32, Vec<u8>)>),
}

/// The layout of a custom archive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Custom {
    /// Whether the TOC contains the offsets of the blocks.
    pub(crate) offsets: bool,
    /// Bytes of a chunk.
    pub(crate) chunk: usize,
}

/// `data` compressed as pg_dump does for files, or in custom format.
pub(crate) fn compress(compression: Compression, framing: GzipFraming, data: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::fast();
    match (compression, framing) {
        (Compression::None, _) => data.to_vec(),
        (Compression::Gzip, GzipFraming::Zlib) => {
            let mut out = flate2::write::ZlibEncoder::new(Vec::new(), level);
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        (Compression::Gzip, GzipFraming::Gzip) => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), level);
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        (Compression::Lz4, _) => {
            let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        (Compression::Zstd, _) => zstd::stream::encode_all(data, 1).unwrap(),
    }
}

/// The table of contents of these entries, without data, as read from an archive of a server of this
/// version.
pub(crate) fn toc(entries: &[Entry], server_version: &str) -> Toc {
    let entries = entries.iter().map(|entry| (entry.clone(), Content::None)).collect();
    let mut toc = Toc::read_files(&Model::of(entries).toc(Format::Tar, &[])[..]).unwrap();
    toc.header.remote_version = server_version.to_owned();
    toc
}

impl Model {
    /// An uncompressed archive of PostgreSQL 17.
    pub(crate) fn of(entries: Vec<(Entry, Content)>) -> Self {
        let compression = Compression::None;
        Self { minor: 16, int_size: 4, offset_size: 8, compression, dbname: None, entries }
    }

    /// The bytes of a custom archive.
    pub(crate) fn custom(&self, custom: Custom) -> Vec<u8> {
        // The TOC has the same length with and without offsets.
        let data_start = self.toc(Format::Custom, &[]).len() as u64;
        let (mut blocks, mut offsets) = (Vec::new(), Vec::new());
        for (entry, content) in &self.entries {
            offsets.push(custom.offsets.then_some(data_start + blocks.len() as u64));
            let kind = match content {
                Content::None => continue,
                Content::Rows(_) => 1,
                Content::LargeObjects(_) => 3,
            };
            blocks.push(kind);
            self.int(&mut blocks, entry.dump_id.0.into());
            match content {
                Content::None => {}
                Content::Rows(rows) => self.chunks(&mut blocks, rows, custom.chunk),
                Content::LargeObjects(objects) => {
                    for (oid, content) in objects {
                        self.int(&mut blocks, oid.cast_signed().into());
                        self.chunks(&mut blocks, content, custom.chunk);
                    }
                    self.int(&mut blocks, 0);
                }
            }
        }
        let mut archive = self.toc(Format::Custom, &offsets);
        archive.extend(blocks);
        archive
    }

    /// The files of a directory archive or of a tar.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let pack = |data: &[u8]| compress(self.compression, GzipFraming::Gzip, data);
        let suffix = match self.compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Lz4 => ".lz4",
            Compression::Zstd => ".zst",
        };
        let mut files = vec![("toc.dat".to_owned(), self.toc(Format::Tar, &[]))];
        for (entry, content) in &self.entries {
            match content {
                Content::None => {}
                Content::Rows(rows) => {
                    files.push((format!("{}.dat{suffix}", entry.dump_id), pack(rows)));
                }
                Content::LargeObjects(objects) => {
                    let mut list = String::new();
                    for (oid, content) in objects {
                        list.push_str(&format!("{oid} blob_{oid}.dat\n"));
                        files.push((format!("blob_{oid}.dat{suffix}"), pack(content)));
                    }
                    // Lists are compressed only since PostgreSQL 17.
                    files.push(if self.minor >= 16 {
                        (format!("blobs_{}.toc{suffix}", entry.dump_id), pack(list.as_bytes()))
                    } else {
                        ("blobs.toc".to_owned(), list.into_bytes())
                    });
                }
            }
        }
        files
    }

    /// The same files as a tar.
    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in self.files() {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, name, &content[..]).unwrap();
        }
        tar.into_inner().unwrap()
    }

    /// Header and TOC. In custom format, `offsets` has the block of each entry.
    fn toc(&self, format: Format, offsets: &[Option<u64>]) -> Vec<u8> {
        let mut out = b"PGDMP\x01".to_vec();
        let code = match format {
            Format::Custom => 1,
            Format::Tar => 3,
            Format::Directory => 5,
        };
        out.extend([self.minor, 0, self.int_size, self.offset_size, code]);
        if self.minor >= 15 {
            out.push(match self.compression {
                Compression::None => 0,
                Compression::Gzip => 1,
                Compression::Lz4 => 2,
                Compression::Zstd => 3,
            });
        } else {
            self.int(&mut out, if self.compression == Compression::None { 0 } else { -1 });
        }
        // 2026-08-01 04:30:15.
        for part in [15, 30, 4, 1, 7, 126, 0] {
            self.int(&mut out, part);
        }
        self.string(&mut out, self.dbname.as_deref());
        self.string(&mut out, Some("15.8"));
        self.string(&mut out, Some("17.1"));
        self.int(&mut out, self.entries.len() as i64);
        for (position, (entry, content)) in self.entries.iter().enumerate() {
            self.entry(&mut out, entry, content);
            match (format, content) {
                (Format::Custom, _) => {
                    let offset = offsets.get(position).copied().flatten();
                    out.push(match (content, offset) {
                        (Content::None, _) => 3,
                        (_, Some(_)) => 2,
                        (_, None) => 1,
                    });
                    let mut bytes = offset.unwrap_or(0).to_le_bytes().to_vec();
                    bytes.resize(self.offset_size.into(), 0);
                    out.extend(bytes);
                }
                (_, Content::None) => self.string(&mut out, Some("")),
                _ => self.string(&mut out, Some(&self.file_name(entry))),
            }
        }
        out
    }

    /// The name, in the TOC, of the file with an entry's data.
    pub(crate) fn file_name(&self, entry: &Entry) -> String {
        match (&entry.desc, self.minor) {
            (Desc::Blobs, 16..) => format!("blobs_{}.toc", entry.dump_id),
            (Desc::Blobs, _) => "blobs.toc".to_owned(),
            _ => format!("{}.dat", entry.dump_id),
        }
    }

    fn entry(&self, out: &mut Vec<u8>, entry: &Entry, content: &Content) {
        self.int(out, entry.dump_id.0.into());
        self.int(out, i64::from(!matches!(content, Content::None)));
        self.string(out, Some(&entry.table_oid.to_string()));
        self.string(out, Some(&entry.oid.to_string()));
        self.string(out, Some(&entry.tag));
        self.string(out, Some(entry.desc.as_str()));
        if self.minor >= 11 {
            self.int(
                out,
                match entry.section {
                    Section::None => 1,
                    Section::PreData => 2,
                    Section::Data => 3,
                    Section::PostData => 4,
                },
            );
        }
        // pg_dump writes NULL or an empty string for no statement: they are equivalent.
        for text in [&entry.defn, &entry.drop_stmt, &entry.copy_stmt] {
            self.string(out, (!text.is_empty() || entry.oid.is_multiple_of(2)).then_some(text));
        }
        self.string(out, entry.namespace.as_deref());
        self.string(out, entry.tablespace.as_deref());
        if self.minor >= 14 {
            self.string(out, entry.table_am.as_deref());
        }
        if self.minor >= 16 {
            self.int(out, entry.relkind.into());
        }
        self.string(out, entry.owner.as_deref());
        self.string(out, Some(if entry.with_oids { "true" } else { "false" }));
        for id in &entry.dependencies {
            self.string(out, Some(&id.to_string()));
        }
        self.string(out, None);
    }

    fn chunks(&self, out: &mut Vec<u8>, data: &[u8], length: usize) {
        let data = compress(self.compression, GzipFraming::Zlib, data);
        for chunk in data.chunks(length) {
            self.int(out, chunk.len() as i64);
            out.extend(chunk);
        }
        self.int(out, 0);
    }

    fn int(&self, out: &mut Vec<u8>, value: i64) {
        out.push(u8::from(value < 0));
        let mut bytes = value.unsigned_abs().to_le_bytes().to_vec();
        bytes.resize(self.int_size.into(), 0);
        out.extend(bytes);
    }

    fn string(&self, out: &mut Vec<u8>, text: Option<&str>) {
        match text {
            Some(text) => {
                self.int(out, text.len() as i64);
                out.extend(text.as_bytes());
            }
            None => self.int(out, -1),
        }
    }

    /// The entry as the reader should return it for this version, with its data at `data`.
    pub(crate) fn as_read(&self, entry: &Entry, data: DataLocation) -> Entry {
        let mut entry = entry.clone();
        if self.minor < 14 {
            entry.table_am = None;
        }
        if self.minor < 16 {
            entry.relkind = 0;
        }
        entry.had_dumper = data != DataLocation::None;
        entry.data = data;
        let texts = [&mut entry.tag, &mut entry.defn, &mut entry.drop_stmt, &mut entry.copy_stmt];
        let names =
            [&mut entry.namespace, &mut entry.tablespace, &mut entry.table_am, &mut entry.owner];
        for text in texts.into_iter().chain(names.into_iter().flatten()) {
            *text = Encoding::named("UTF8").decode(text.as_bytes()).into_owned();
        }
        entry
    }
}
