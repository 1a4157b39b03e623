//! Archives of every format, read in every way.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::archive::stream::{Answer, Sink, StreamItem};
use crate::archive::toc::Toc;
use crate::archive::{Data, Format, ReadCounter};
use crate::rows::CopyText;
use crate::source::{self, Access, Archive, Input};

/// Decompressed bytes to read of an item: a fuzzer can otherwise turn a few bytes into hours of
/// zeros.
const ITEM_BYTES: u64 = 1 << 20;

/// Header and table of contents, as the start of a custom archive and as a separate file.
pub fn toc(bytes: &[u8]) {
    // The result does not matter, only that the call returns.
    let _ = Toc::read_custom(bytes);
    let _ = Toc::read_files(bytes);
}

/// A custom archive as a stream, every block decompressed.
pub fn custom(bytes: &[u8]) {
    if bytes.starts_with(crate::archive::header::MAGIC) {
        walk(bytes);
    }
}

/// A tar, or anything inside a tar or a compressor, as a stream.
pub fn tar(bytes: &[u8]) {
    walk(bytes);
}

/// An archive in a file, read at the offsets it names.
///
/// # Panics
/// When no temporary file can be written.
pub fn file(bytes: &[u8]) {
    let scratch = Scratch::new();
    let path = scratch.0.join("archive");
    fs::write(&path, bytes).expect("a temporary file can be written");
    if let Ok(archive) = source::open(&Input::Path(path)) {
        read_at_places(&archive);
    }
}

/// A directory archive. Its files are the members of a tar, named by the last component of their
/// paths.
///
/// # Panics
/// When no temporary file can be written.
pub fn directory(bytes: &[u8]) {
    let scratch = Scratch::new();
    let mut tar = tar::Archive::new(bytes);
    let Ok(members) = tar.entries() else { return };
    for member in members.flatten() {
        let path = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains('\0');
        if !is_name || name.len() > 200 {
            continue;
        }
        let mut content = Vec::new();
        if member.take(ITEM_BYTES).read_to_end(&mut content).is_ok() {
            let file = fs::File::create(scratch.0.join(name));
            let mut file = file.expect("a temporary file can be written");
            file.write_all(&content).expect("a temporary file can be written");
        }
    }
    if let Ok(archive) = source::open(&Input::Path(scratch.0.clone())) {
        read_at_places(&archive);
    }
}

/// Calls every query on an archive in files.
fn read_at_places(archive: &Archive) {
    let Access::Random(random) = &archive.access else { return };
    let _ = random.fault();
    for entry in &archive.toc.entries {
        let _ = (random.size(entry), archive.check_data(entry), entry.label());
        if let Ok(data) = random.open(entry, ReadCounter::default()) {
            read(data);
        }
    }
}

fn walk(bytes: &[u8]) {
    let mut decode = Decode { item: None, bytes: Vec::new() };
    // As above.
    let _ = source::walk(Box::new(Cursor::new(bytes.to_vec())), &mut decode);
}

fn read(data: Data) {
    match data {
        Data::Rows(reader) => {
            let mut copy = CopyText::new(reader.take(ITEM_BYTES));
            while let Ok(Some(_)) = copy.next_piece() {}
        }
        Data::LargeObjects(mut objects) => {
            while let Ok(Some(object)) = objects.next_object() {
                let mut content = object.content.take(ITEM_BYTES);
                if std::io::copy(&mut content, &mut std::io::sink()).is_err() {
                    break;
                }
            }
        }
    }
}

/// Decodes each item when it is complete.
struct Decode {
    item: Option<StreamItem>,
    bytes: Vec<u8>,
}

impl Sink for Decode {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        self.item = Some(item.clone());
        self.bytes.clear();
        Answer::Take
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        self.bytes.extend_from_slice(&bytes);
        Answer::Take
    }

    fn end(&mut self) -> Answer {
        let Some(item) = self.item.take() else { return Answer::Stop };
        read(item.data(Cursor::new(std::mem::take(&mut self.bytes))));
        Answer::Take
    }
}

/// A folder of this run, removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("nocturne-fuzz-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Leftovers are in the temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
