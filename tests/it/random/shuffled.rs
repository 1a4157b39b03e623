//! A restore whose jobs start in an order drawn from a seed, as far as their dependencies allow.

use std::path::Path;
use std::sync::{Arc, Mutex};

use nocturne::restore::event::{Event, Events, Outcome};
use nocturne::restore::{RestoreOptions, SplitSize, restore};
use nocturne::select::{SelectOptions, select};
use nocturne::server::{ConnectOptions, Target};
use nocturne::source::{self, Input};
use nocturne::statements::{SourceSettings, Style};

/// Restores in four sessions; returns the failures.
pub fn restore_shuffled(archive: &Path, url: &str, seed: u64) -> Vec<String> {
    let failed: Arc<Mutex<Vec<String>>> = Arc::default();
    let failures = failed.clone();
    let events = Events::to(move |event: Event| {
        if let Event::Finished { entry, outcome: Outcome::Failed { failure }, .. } = event {
            failures.lock().unwrap().push(format!("{}: {}", entry.label(), failure.message));
        }
    });
    let archive = source::open(&Input::Path(archive.to_owned())).unwrap();
    let entries = &archive.toc.entries;
    let selection = select(entries, &SelectOptions::default(), None).unwrap();
    let style = Style { source: SourceSettings::of(&archive.toc), ..Style::default() };
    let options = RestoreOptions {
        jobs: 4,
        style,
        split_size: SplitSize::Bytes(1),
        shuffle: Some(seed),
        ..RestoreOptions::default()
    };
    let connect = ConnectOptions { dbname: Some(url.to_owned()), ..ConnectOptions::default() };
    let target = Target::resolve(&connect, &|_| None).unwrap();
    let never = std::future::pending();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let restored = restore(archive, &selection, options, target, events, never);
    let ended = runtime.block_on(restored).unwrap();
    let failed = std::mem::take(&mut *failed.lock().unwrap());
    assert_eq!(ended.errors, failed.len());
    failed
}
