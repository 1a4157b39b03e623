//! Truncated or damaged streams.

use std::path::Path;

use super::sources::{archive, gzip, piped, sample, tar};
use crate::common::versions::newest;
use crate::common::{Database, Restored, Tool, cluster, restore};

/// Whether each table of the sample is empty (or missing) or whole.
fn whole_or_empty(database: &Database<'_>, what: &str) {
    for table in ["a", "s.b", "c"] {
        if database.query(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == "t" {
            let rows = database.query(&format!("SELECT count(*) FROM {table}"));
            assert!(["0", "3000"].contains(&rows.as_str()), "{what}: {table} has {rows} rows");
        }
    }
}

fn cut(from: &Path, to: &Path, length: u64) {
    std::fs::copy(from, to).unwrap();
    std::fs::OpenOptions::new().write(true).open(to).unwrap().set_len(length).unwrap();
}

#[test]
fn truncated_stream_is_never_a_success() {
    let cluster = cluster(newest());
    let source = sample(cluster);
    let scratch = tempfile::tempdir().unwrap();
    let (_keep_custom, custom) = archive(&source, "c", &[]);
    let (_keep_tar, tar_archive) = archive(&source, "t", &[]);
    let (_keep_directory, directory) = archive(&source, "d", &[]);
    let gzipped = scratch.path().join("custom.gz");
    gzip(&custom, &gzipped);
    let in_tar = scratch.path().join("custom.tar.gz");
    tar(custom.parent().unwrap(), &["archive"], &in_tar);
    let of_directory = scratch.path().join("directory.tar.gz");
    let mut members: Vec<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "toc.dat")
        .collect();
    members.sort();
    members.insert(0, "toc.dat".to_owned());
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    tar(&directory, &members, &of_directory);

    for path in [&custom, &tar_archive, &gzipped, &in_tar, &of_directory] {
        let length = path.metadata().unwrap().len();
        let damaged = scratch.path().join("damaged");
        for (number, at) in
            [3, 60, length / 4, length / 2, length * 9 / 10, length - 4].into_iter().enumerate()
        {
            // The end of a tar is only zeros; a tar without them is whole.
            if path == &tar_archive && at == length - 4 {
                continue;
            }
            cut(path, &damaged, at);
            let target = cluster.fresh_db("cut");
            let what = format!("{} cut at {at} of {length}", path.display());
            let restored = piped(&damaged, &target, &["-j", ["1", "2"][number % 2]]);
            assert!([1, 3].contains(&restored.code()), "{what}: {restored}");
            let said = restored.stderr();
            let last = said.lines().last().unwrap_or_default();
            assert!(last.contains("standard input"), "{what}: {restored}");
            whole_or_empty(&target, &what);
        }
    }
}

#[test]
fn wrong_checksum_at_the_end_is_an_error() {
    let cluster = cluster(newest());
    let source = sample(cluster);
    let (folder, custom) = archive(&source, "c", &[]);
    let gzipped = folder.path().join("custom.gz");
    gzip(&custom, &gzipped);
    let mut bytes = std::fs::read(&gzipped).unwrap();
    // CRC32 and the length are the last eight bytes.
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    std::fs::write(&gzipped, bytes).unwrap();
    assert!(!Tool::new("gzip").arg("-t").arg(&gzipped).run().success());
    let target = cluster.fresh_db("checksum");
    let restored: Restored = restore(&gzipped, &target, &["-j", "2"]);
    let code = restored.finished.code();
    assert!([1, 3].contains(&code), "{}", restored.finished);
    assert!(restored.stderr().contains("custom.gz"), "{}", restored.finished);
    whole_or_empty(&target, "checksum");
}
