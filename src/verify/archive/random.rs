//! Verifies a seekable archive: each thread takes the largest remaining entry.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use rayon::ThreadPool;

use super::examine::{Findings, Reading};
use super::{Collector, Message};
use crate::archive::{DataLocation, Desc, Entry, ReadCounter};
use crate::source::RandomAccess;

/// The archive bytes of all `entries`, as far as known.
pub(super) fn total(archive: &RandomAccess, entries: &[Entry]) -> u64 {
    entries.iter().filter_map(|entry| archive.size(entry)).fold(0, u64::saturating_add)
}

/// Reads all of the collector's entries.
pub(super) fn read(
    archive: &RandomAccess,
    reading: &Reading,
    pool: &ThreadPool,
    collector: &mut Collector<'_>,
) {
    let mut queue = collector.entries.clone();
    // Large objects in files have no known size, and often take longest.
    queue.sort_by_cached_key(|entry| std::cmp::Reverse(archive.size(entry).unwrap_or(u64::MAX)));
    let (next, (messages, inbox)) = (AtomicUsize::new(0), channel());
    pool.in_place_scope(|scope| {
        for _ in 0..pool.current_num_threads() {
            let (messages, queue, next) = (messages.clone(), &queue, &next);
            scope.spawn(move |_| {
                while let Some(entry) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let message = Message::Found(entry.dump_id, one(archive, reading, entry));
                    if messages.send(message).is_err() {
                        break;
                    }
                }
            });
        }
        drop(messages);
        collector.gather(&inbox);
    });
}

fn one(archive: &RandomAccess, reading: &Reading, entry: &Entry) -> Findings {
    if entry.data == DataLocation::None {
        return Findings::default();
    }
    let counter = ReadCounter::default();
    let data = archive.open(entry, counter.clone());
    let mut findings = reading.examine(entry, data, &counter);
    match archive.size(entry) {
        Some(size) if size > counter.get() && archive.is_last(entry) => {
            findings.behind = size - counter.get();
        }
        Some(size) if size != counter.get() => {
            let left = size.abs_diff(counter.get());
            findings.fail(format!("{left} stray bytes after its data"));
        }
        None if entry.desc != Desc::Blobs => findings.fail("its size is unknown"),
        _ => {}
    }
    findings
}
