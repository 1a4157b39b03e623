//! The memory that an archive can make the reader use: a stated share of its size and a constant.
//!
//! A test binary with a single test, because its allocator counts for the whole process.

// Clippy does not recognize test helpers as tests.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use nocturne::source::{self, Input};
use nocturne::verify::{VerifyOptions, verify};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Memory per byte of an archive stored uncompressed in a file. The table of contents uses
/// it: an entry of 60 bytes, the smallest possible, becomes a few hundred, and exists
/// raw and decoded for a moment. 16,500 of them are just more than a vector has grown for.
const FACTOR: usize = 16;

/// Memory that does not depend on the archive: the buffers of one decoder, and the chunks that may
/// be queued for it.
const CONSTANT: usize = 1 << 20;

/// Peak bytes while `path` is opened and fully read.
fn peak(path: &Path) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    if let Ok(archive) = source::open(&Input::Path(path.to_owned())) {
        let options =
            VerifyOptions { jobs: 1.try_into().unwrap(), wanted: None, digests: true, rows: None };
        verify(archive, &options, &|_| ());
    }
    ALLOCATOR.peak_usage().saturating_sub(before)
}

fn header(int_size: u8, count: &[u8]) -> Vec<u8> {
    let mut bytes = b"PGDMP\x01\x10\0".to_vec();
    bytes.extend([int_size, 8, 1, 0]);
    let zero = vec![0; usize::from(int_size) + 1];
    bytes.extend(zero.repeat(10));
    bytes.extend(count);
    bytes
}

/// Archives built to use memory, byte by byte because nothing else would write them: with the
/// smallest possible entries, with lengths beyond the data, with numbers of dependencies, with a
/// chunk of the largest size.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let sized = |value: i32, size: usize| [&[0][..], &value.to_le_bytes()[..size]].concat();
    let int = |value| sized(value, 4);
    let nothing = int(0);
    let entry = |id: i32, size: usize, dependencies: &[u8]| {
        let null = [&[1, 1][..], &[0; 3][..size - 1]].concat();
        let mut bytes = sized(id, size);
        bytes.extend(sized(0, size));
        bytes.extend(null.repeat(4));
        bytes.extend(sized(1, size));
        bytes.extend(null.repeat(6));
        bytes.extend(sized(0, size));
        bytes.extend(null.repeat(2));
        bytes.extend(dependencies);
        bytes.extend(null);
        bytes.extend([3, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    };
    let mut smallest = header(2, &sized(16_500, 2));
    (1..=16_500).for_each(|id| smallest.extend(entry(id, 2, b"")));
    let mut dependent = header(4, &int(1));
    dependent.extend(entry(1, 4, &[&int(1)[..], b"7"].concat().repeat(300_000)));
    let mut claims = header(4, &int(i32::MAX));
    claims.extend(int(1));
    claims.extend(&nothing);
    claims.extend(int(i32::MAX));
    claims.extend(vec![b'x'; 100_000]);
    let mut chunk = header(4, &nothing);
    chunk.extend([&[1][..], &int(1), &int(i32::MAX), &[0; 100_000]].concat());
    let mut long_name = tar::Header::new_gnu();
    long_name.set_path("././@LongLink").unwrap();
    long_name.set_entry_type(tar::EntryType::GNULongName);
    long_name.set_size(1 << 40);
    long_name.set_cksum();
    let long_name = [long_name.as_bytes().as_slice(), &[b'x'; 100_000]].concat();
    vec![
        ("smallest entries", smallest),
        ("dependencies", dependent),
        ("a claimed length", claims),
        ("a claimed chunk", chunk),
        ("a claimed name in a tar", long_name),
    ]
}

#[test]
fn archive_memory_stays_within_the_stated_limit() {
    let directory = tempfile::tempdir().unwrap();
    let mut cases: Vec<(String, PathBuf, usize)> = Vec::new();
    for (name, bytes) in hostile() {
        let path = directory.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        cases.push((name.to_owned(), path, bytes.len()));
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for name in [
        "every-pg18-custom-gzip.dump",
        "warehouse-pg15-custom-none.dump",
        "warehouse-pg17-custom-lz4.dump",
        "warehouse-pg17-custom-zstd-pipe.dump",
        "warehouse-pg15-tar-none.tar",
        "warehouse-demo.tar.gz",
    ] {
        let path = fixtures.join(name);
        let whole = std::fs::read(&path).unwrap();
        cases.push((name.to_owned(), path, whole.len()));
        // Flipped bits in the table of contents: in lengths, counts and numbers.
        for at in (11..60_000.min(whole.len())).step_by(997) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let path = directory.path().join(format!("{name} {at}"));
            std::fs::write(&path, &bytes).unwrap();
            cases.push((format!("{name} flipped at {at}"), path, bytes.len()));
        }
    }
    let mut highest = (0, String::new());
    for (name, path, size) in &cases {
        let peak = peak(path);
        let share = peak.saturating_sub(CONSTANT) / size;
        println!("{name}: {size} bytes, peak {peak}, {}", peak / size);
        highest = highest.max((share, name.clone()));
        assert!(peak <= CONSTANT + FACTOR * size, "{name}: {peak} bytes for {size}");
    }
    // The limits are only useful while they are close to the truth.
    assert!(highest.0 > FACTOR / 2, "{highest:?}");
}
