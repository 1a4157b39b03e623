//! Archives truncated and with bits flipped at very many positions.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nocturne::archive::DataLocation;
use nocturne::archive::digests::Digests;
use nocturne::source::{self, Input};

use crate::cases::{Outcome, outcome, run};
use crate::fixtures::{self, copy_directory, verified};

/// Custom archives and tars with every compression and wrapper, with and without offsets, COPY and
/// INSERT data, large objects.
const FILES: [&str; 12] = [
    "every-pg15-custom-gzip.dump",
    "every-pg16-tar-none-wrapped.tar.gz",
    "warehouse-pg15-custom-gzip-pipe.dump",
    "warehouse-pg15-custom-gzip-scalingo.tar.gz",
    "warehouse-pg15-custom-none.dump",
    "warehouse-pg15-tar-none.tar",
    "warehouse-pg16-directory-gzip-wrapped.tar.gz",
    "warehouse-pg17-custom-lz4.dump",
    "warehouse-pg17-custom-lz4-inserts.dump",
    "warehouse-pg17-custom-zstd.dump",
    "warehouse-pg17-custom-zstd-pipe.dump",
    "partitions-pg17-custom-none.dump",
];

/// The small ones: one of each format.
const SMALL: [&str; 4] = [
    "empty-pg18-custom-gzip.dump",
    "extensions-pg17-custom-zstd.dump",
    "latin1-pg15-custom-gzip.dump",
    "latin1-pg16-tar-none.tar",
];

/// A copy of an archive that may be damaged.
struct Patient {
    _directory: tempfile::TempDir,
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
    digests: Digests,
}

impl Patient {
    fn new(bytes: Vec<u8>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("archive");
        std::fs::write(&path, &bytes).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let report = verified(&path).unwrap();
        assert!(report.is_intact());
        Self { _directory: directory, path, file, bytes, digests: report.digests() }
    }

    fn cut(&self, length: usize) -> Outcome {
        self.file.set_len(length as u64).unwrap();
        outcome(&self.path, &self.digests)
    }

    /// Restores it after a truncation.
    fn mend(&self) {
        self.file.set_len(self.bytes.len() as u64).unwrap();
        self.file.write_all_at(&self.bytes, 0).unwrap();
    }

    fn flip(&self, at: usize, bit: usize) -> Outcome {
        let byte = self.bytes[at];
        self.file.write_all_at(&[byte ^ (1 << bit)], at as u64).unwrap();
        let outcome = outcome(&self.path, &self.digests);
        self.file.write_all_at(&[byte], at as u64).unwrap();
        outcome
    }
}

/// Offset of the first data block in a custom archive.
fn data_start(path: &Path) -> usize {
    let archive = source::open(&Input::Path(path.to_owned())).unwrap();
    let offsets = archive.toc.entries.iter().filter_map(|entry| match entry.data {
        DataLocation::Offset(offset) => usize::try_from(offset).ok(),
        _ => None,
    });
    offsets.min().unwrap()
}

/// Steps of at least 97 bytes, odd so that no structure is skipped, and as many as time
/// allows.
fn step(length: usize, cases: usize) -> usize {
    (length / cases).max(97) | 1
}

#[test]
fn truncation_anywhere_is_an_error() {
    run(FILES.to_vec(), |name, case| {
        let patient = Patient::new(std::fs::read(fixtures::path(name)).unwrap());
        let length = patient.bytes.len();
        for cut in (0..length).step_by(step(length, 150)).collect::<Vec<_>>().into_iter().rev() {
            case(format!("{name} cut at {cut}"));
            let outcome = patient.cut(cut);
            // After its data a tar contains restore.sql and padding, which are never read.
            let allowed = name.ends_with(".tar") && outcome == Outcome::Same;
            assert!(matches!(outcome, Outcome::Refused(_)) || allowed, "{name} {cut}: {outcome:?}");
        }
    });
}

#[test]
fn every_prefix_of_small_archive_is_an_error() {
    let mut parts: Vec<(String, Vec<u8>)> = SMALL
        .iter()
        .map(|name| ((*name).to_owned(), std::fs::read(fixtures::path(name)).unwrap()))
        .collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&parts[3].1).unwrap();
    parts.push(("a tar in gzip".to_owned(), gzip.finish().unwrap()));
    run(parts, |(name, bytes), case| {
        let patient = Patient::new(bytes);
        let tar = name.ends_with(".tar");
        let mut same = 0;
        for cut in (0..patient.bytes.len()).rev() {
            case(format!("{name} cut at {cut}"));
            match patient.cut(cut) {
                Outcome::Refused(_) => assert!(!tar || same > 0, "{name}: padding is not data"),
                Outcome::Same if tar => same += 1,
                outcome => panic!("{name} {cut}: {outcome:?}"),
            }
        }
        assert!(same < patient.bytes.len() / 2, "{name}: {same} prefixes are accepted");
    });
}

#[test]
fn every_prefix_of_directory_file_is_an_error() {
    run(vec!["latin1-pg18-directory-gzip"], |name, case| {
        let source = fixtures::path(name);
        let digests = verified(&source).unwrap().digests();
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("copy");
        copy_directory(&source, &copy);
        for file in std::fs::read_dir(&source).unwrap() {
            let file = file.unwrap();
            let (path, whole) = (copy.join(file.file_name()), std::fs::read(file.path()).unwrap());
            for cut in 0..whole.len() {
                case(format!("{name} {path:?} cut at {cut}"));
                std::fs::write(&path, &whole[..cut]).unwrap();
                let outcome = outcome(&copy, &digests);
                assert!(matches!(outcome, Outcome::Refused(_)), "{path:?} {cut}: {outcome:?}");
            }
            std::fs::remove_file(&path).unwrap();
            assert!(matches!(outcome(&copy, &digests), Outcome::Refused(_)), "{path:?} removed");
            std::fs::write(&path, &whole).unwrap();
        }
        assert_eq!(outcome(&copy, &digests), Outcome::Same);
    });
}

#[test]
fn flipped_bit_fails_or_differs_or_is_harmless() {
    run(FILES.to_vec(), |name, case| {
        let patient = Patient::new(std::fs::read(fixtures::path(name)).unwrap());
        let length = patient.bytes.len();
        for (number, at) in (0..length).step_by(step(length, 150)).enumerate() {
            case(format!("{name} bit {} flipped at {at}", number % 8));
            let outcome = patient.flip(at, number % 8);
            if name.ends_with(".gz") && at >= 10 {
                // After gzip's own header, which is not checked, every byte is.
                assert!(matches!(outcome, Outcome::Refused(_)), "{name} {at}: {outcome:?}");
            }
        }
        patient.mend();
        assert_eq!(outcome(&patient.path, &patient.digests), Outcome::Same);
    });
}

#[test]
fn flipped_bit_in_uncompressed_data_is_always_detected() {
    run(
        vec!["partitions-pg17-custom-none.dump", "warehouse-pg15-custom-none.dump"],
        |name, case| {
            let patient = Patient::new(std::fs::read(fixtures::path(name)).unwrap());
            let start = data_start(&patient.path);
            let mut only_by_digests = 0;
            for at in (start..patient.bytes.len()).step_by(step(patient.bytes.len() - start, 300)) {
                case(format!("{name} bit flipped at {at}"));
                match patient.flip(at, at % 8) {
                    Outcome::Refused(_) => {}
                    Outcome::Differs(_) => only_by_digests += 1,
                    Outcome::Same => panic!("{name} {at}: unnoticed"),
                }
            }
            assert!(only_by_digests > 0, "{name}");
        },
    );
}

#[test]
fn flipped_bit_in_gzip_data_fails_without_digests() {
    run(vec!["every-pg15-custom-gzip.dump"], |name, case| {
        let patient = Patient::new(std::fs::read(fixtures::path(name)).unwrap());
        let start = data_start(&patient.path);
        let places = (start..patient.bytes.len()).step_by(step(patient.bytes.len() - start, 300));
        let (all, mut harmless) = (places.len(), 0);
        for at in places {
            case(format!("{name} bit flipped at {at}"));
            match patient.flip(at, at % 8) {
                Outcome::Refused(_) => {}
                // Up to seven bits between the last code and the checksum are unused.
                Outcome::Same => harmless += 1,
                Outcome::Differs(what) => panic!("{name} {at}: {what}"),
            }
        }
        assert!(harmless * 50 < all, "{harmless} of {all}");
    });
}

#[test]
fn every_flipped_bit_is_detected_or_harmless() {
    run(SMALL.to_vec(), |name, case| {
        let patient = Patient::new(std::fs::read(fixtures::path(name)).unwrap());
        let mut noticed = 0;
        let places: Vec<usize> = (0..patient.bytes.len()).collect();
        for at in &places {
            case(format!("{name} bit {} flipped at {at}", at % 8));
            noticed += usize::from(patient.flip(*at, at % 8) != Outcome::Same);
        }
        // The rest of a tar is padding, restore.sql and names of owners.
        let least = if name.ends_with(".tar") { places.len() / 4 } else { places.len() * 9 / 10 };
        assert!(noticed > least, "{name}: {noticed} of {} noticed", places.len());
    });
}
