//! What `fuzz/` calls: each function reads any bytes and must come back without a panic.
//!
//! Part of the crate only with the feature `fuzzing`, and in its own tests, which replay the
//! corpus of each target.

use std::io::{Cursor, Read};

use bytes::Bytes;

use crate::archive::stream::{Answer, Item, Sink};
use crate::archive::toc::Toc;
use crate::archive::{Data, Format};
use crate::report::logs;
use crate::report::nights::{self, Lang};
use crate::rows::CopyText;
use crate::source;

/// Decompressed bytes of an item that are read: what a fuzzer makes of a few bytes is otherwise
/// hours of zeros.
const ITEM_BYTES: u64 = 1 << 20;

/// Header and table of contents, as the start of a custom archive and as a file of its own.
pub fn toc(bytes: &[u8]) {
    // What comes of it does not matter, only that it comes.
    let _ = Toc::read_custom(bytes);
    let _ = Toc::read_files(bytes);
}

/// A custom archive as a stream, every block decompressed.
pub fn custom(bytes: &[u8]) {
    if bytes.starts_with(crate::archive::header::MAGIC) {
        walk(bytes);
    }
}

/// A tar, or whatever a tar or a compressor may hold, as a stream.
pub fn tar(bytes: &[u8]) {
    walk(bytes);
}

/// COPY text.
///
/// # Panics
/// When the rows are not what comes before the end marker.
pub fn copy_text(bytes: &[u8]) {
    let mut copy = CopyText::new(bytes);
    let mut rows = Vec::new();
    let end = loop {
        match copy.next_piece() {
            Ok(Some(piece)) => rows.extend_from_slice(&piece),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if end.is_ok() {
        assert_eq!([&rows[..], b"\\.\n\n\n"].concat(), bytes);
        assert_eq!(copy.bytes(), rows.len() as u64);
    }
}

/// A log of nightly runs, reported in every form.
///
/// # Panics
/// When a text has sixty seconds, or a line that the log forged.
pub fn logs(bytes: &[u8]) {
    let Ok(log) = logs::read(bytes) else { return };
    for lang in [Lang::En, Lang::Fr] {
        let text = nights::text::report(&log.runs, lang);
        assert!(!text.lines().any(|line| line.ends_with(" 60s")), "{text}");
        assert!(!text.contains(['\r', '\u{1b}']), "{text}");
    }
    let page = nights::page(&log.runs, "fuzz");
    assert!(!page.contains("<script"), "{page}");
}

fn walk(bytes: &[u8]) {
    let mut decode = Decode { item: None, bytes: Vec::new() };
    // As above.
    let _ = source::walk(Box::new(Cursor::new(bytes.to_vec())), &mut decode);
}

/// Decodes each item when it is complete.
struct Decode {
    item: Option<Item>,
    bytes: Vec<u8>,
}

impl Sink for Decode {
    fn toc(&mut self, _: &Toc, _: Format) -> Answer {
        Answer::Take
    }

    fn begin(&mut self, item: &Item) -> Answer {
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
        match item.data(Cursor::new(std::mem::take(&mut self.bytes))) {
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
        Answer::Take
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn replay(target: &str, run: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut seeds = 0;
        for seed in std::fs::read_dir(corpus).unwrap() {
            run(&std::fs::read(seed.unwrap().path()).unwrap());
            seeds += 1;
        }
        assert!(seeds > 3, "{target}: {seeds} seeds");
    }

    #[test]
    fn the_corpus_of_tables_of_contents_is_read_without_a_panic() {
        replay("toc", super::toc);
    }

    #[test]
    fn the_corpus_of_custom_archives_is_read_without_a_panic() {
        replay("custom", super::custom);
    }

    #[test]
    fn the_corpus_of_tars_is_read_without_a_panic() {
        replay("tar", super::tar);
    }

    #[test]
    fn the_corpus_of_logs_is_read_without_a_panic() {
        replay("logs", super::logs);
    }

    #[test]
    fn the_corpus_of_copy_text_is_read_without_a_panic() {
        replay("copy_text", super::copy_text);
    }
}
