//! The sizes of an archive's data, for a stream known only after reading it to its end.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;

use super::StreamAccess;
use crate::archive::stream::{Answer, ItemOf, Sink, StreamItem};
use crate::archive::{ArchiveError, Desc, DumpId, Format, Result, Toc};

/// Bytes of data in the archive, by entry.
pub type Sizes = HashMap<DumpId, u64>;

impl StreamAccess {
    /// Reads the whole stream and counts. Large objects that are separate items count towards the
    /// first entry of large objects.
    ///
    /// # Errors
    /// When the stream cannot be read to its end.
    pub fn sizes(self) -> Result<Sizes> {
        let (sender, receiver): (SyncSender<Sizes>, Receiver<Sizes>) = sync_channel(1);
        let (done, result) = sync_channel(1);
        let counter = Counter { sizes: Sizes::new(), objects: None, current: None, sender };
        self.run(Box::new(counter), move |ended| {
            // The caller waits below.
            let _ = done.send(ended);
        });
        let sizes = receiver.recv().unwrap_or_default();
        let gone = || ArchiveError::truncated("the stream reader stopped unexpectedly");
        // The stream's thread always replies, unless it panicked.
        result.recv().unwrap_or_else(|_| Err(gone())).map(|()| sizes)
    }
}

struct Counter {
    sizes: Sizes,
    objects: Option<DumpId>,
    current: Option<DumpId>,
    sender: SyncSender<Sizes>,
}

impl Sink for Counter {
    fn toc(&mut self, toc: &Toc, _: Format) -> Answer {
        let objects = toc.entries.iter().find(|entry| entry.desc == Desc::Blobs);
        self.objects = objects.map(|entry| entry.dump_id);
        Answer::Take
    }

    fn begin(&mut self, item: &StreamItem) -> Answer {
        self.current = match item.of {
            ItemOf::Entry(id) => Some(id),
            ItemOf::LargeObject(_) => self.objects,
        };
        Answer::Take
    }

    fn bytes(&mut self, bytes: Bytes) -> Answer {
        if let Some(current) = self.current {
            *self.sizes.entry(current).or_default() += bytes.len() as u64;
        }
        Answer::Take
    }

    fn end(&mut self) -> Answer {
        self.current = None;
        Answer::Take
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // The receiver waits until this is dropped.
        let _ = self.sender.send(std::mem::take(&mut self.sizes));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Access, Input, open};
    use super::*;

    fn access(name: &str) -> (std::sync::Arc<Toc>, Access) {
        let path = format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        let archive = open(&Input::Path(path.into())).unwrap();
        (archive.toc, archive.access)
    }

    #[test]
    fn stream_sizes_equal_those_of_its_file() {
        let (toc, Access::Stream(stream)) = access("warehouse-pg15-tar-none-wrapped.tar.gz") else {
            panic!("it is a stream");
        };
        let sizes = stream.sizes().unwrap();
        let (_, Access::Random(random)) = access("warehouse-pg15-tar-none.tar") else {
            panic!("it is a file");
        };
        let tables = toc.entries.iter().filter(|entry| entry.desc == Desc::TableData);
        let mut seen = 0;
        for entry in tables {
            assert_eq!(
                sizes.get(&entry.dump_id).copied().unwrap_or(0),
                random.size(entry).unwrap()
            );
            seen += 1;
        }
        assert!(seen > 5);
    }

    #[test]
    fn truncated_stream_has_no_sizes() {
        let path = format!("{}/fixtures/warehouse-demo.tar.gz", env!("CARGO_MANIFEST_DIR"));
        let mut bytes = std::fs::read(path).unwrap();
        bytes.truncate(bytes.len() / 2);
        let folder = tempfile::tempdir().unwrap();
        let cut = folder.path().join("cut.tar.gz");
        std::fs::write(&cut, bytes).unwrap();
        let archive = open(&Input::Path(cut)).unwrap();
        let Access::Stream(stream) = archive.access else {
            panic!("it is a stream");
        };
        stream.sizes().unwrap_err();
    }
}
