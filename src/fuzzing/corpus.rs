//! Runs every target on its corpus and on mutations of it, so that each test run extends the search
//! of the fuzzer. The mutations come from a fixed seed, so a failure repeats.
//! `NOCTURNE_CHANGES=100000` runs more of them than a test run has time for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Mutations of the corpus per target, unless the environment sets another number.
const CHANGES: usize = 1000;

/// The largest seed to mutate, in bytes: larger ones only take longer.
const MAX_SEED: usize = 16 << 10;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|seed| seed.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    // Directory order depends on the file system.
    seeds.sort();
    assert!(seeds.len() > 3, "{target}: {} seeds", seeds.len());
    for (path, seed) in &seeds {
        let ended = catch_unwind(AssertUnwindSafe(|| run(seed)));
        assert!(ended.is_ok(), "{}", path.display());
    }
    let small: Vec<&Vec<u8>> =
        seeds.iter().map(|(_, seed)| seed).filter(|seed| seed.len() <= MAX_SEED).collect();
    assert!(!small.is_empty(), "{target}: no small seed");
    let mut random = Random(0x6e6f_6374_7572_6e65);
    let changes = std::env::var("NOCTURNE_CHANGES").ok().and_then(|text| text.parse().ok());
    for number in 0..changes.unwrap_or(CHANGES) {
        let mut bytes = small[random.below(small.len())].clone();
        for _ in 0..=random.below(4) {
            change(&mut bytes, small[random.below(small.len())], &mut random);
        }
        let ended = catch_unwind(AssertUnwindSafe(|| run(&bytes)));
        assert!(ended.is_ok(), "{target}, change {number}: {}", bytes.escape_ascii());
    }
}

/// One mutation, as a fuzzer makes them.
fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    if bytes.is_empty() {
        bytes.extend_from_slice(other);
        return;
    }
    let at = random.below(bytes.len());
    let end = at + random.below((bytes.len() - at).min(64));
    match random.below(7) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b'\'', b';'][random.below(8)],
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        5 => {
            let from = random.below(other.len().max(1)).min(other.len());
            let to = (from + 32).min(other.len());
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        _ => bytes.insert(at, bytes[random.below(bytes.len())]),
    }
}

/// SplitMix64: short and portable.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A test for each target, named after it.
macro_rules! targets {
    ($($target:ident,)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target), super::$target);
        })*

        #[test]
        fn every_fuzz_target_is_tested_here() {
            let mut tested = [$(concat!(stringify!($target), ".rs")),*];
            tested.sort_unstable();
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
            let mut there: Vec<_> = std::fs::read_dir(folder)
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            there.sort_unstable();
            assert_eq!(there, tested);
        }
    };
}

targets! {
    toc, custom, tar, file, directory, copy_text, codecs, inserts, script, definitions, lists,
    logs, cron, variables,
}
