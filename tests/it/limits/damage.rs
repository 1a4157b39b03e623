//! Damage to the data of one table: that table is empty, the others are whole.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Cluster, Database, Tool, cluster, restore, versions};

const ROWS: usize = 20_000;

/// Each compression with the newest version under test whose pg_dump can write it: not every build
/// can.
fn codecs() -> Vec<(&'static str, &'static Cluster)> {
    let writer = |option: &str| {
        versions().into_iter().rev().map(cluster).find(|cluster| {
            let dump = cluster.tool("pg_dump").args(["-Fc", "--schema-only", option, "postgres"]);
            dump.run().success()
        })
    };
    let options = ["--compress=0", "--compress=6", "--compress=lz4", "--compress=zstd"];
    let found: Vec<_> =
        options.into_iter().filter_map(|option| Some((option, writer(option)?))).collect();
    assert!(found.len() == options.len() || versions().len() < 4, "a compression is missing");
    found
}

fn source(cluster: &'static Cluster) -> Database<'static> {
    let source = cluster.fresh_db("source");
    source.execute(&format!(
        "CREATE TABLE a (id int, t text);
         INSERT INTO a SELECT i, md5(i::text) FROM generate_series(1, {ROWS}) i;
         CREATE TABLE b AS TABLE a; CREATE TABLE c AS TABLE a;"
    ));
    source
}

/// Restores a damaged archive; only the table `b` may miss its rows, and all of them.
fn restores_the_others(cluster: &Cluster, archive: &Path, what: &str) {
    for jobs in ["1", "2"] {
        let target = cluster.fresh_db("damaged");
        let restored = restore(archive, &target, &["-j", jobs]);
        assert!([1, 3].contains(&restored.finished.code()), "{what}: {}", restored.finished);
        let said = restored.stderr();
        assert!(said.contains(&*archive.to_string_lossy()), "{what}: {}", restored.finished);
        assert!(said.contains("TABLE DATA public.b"), "{what}: {}", restored.finished);
        for (table, rows) in [("a", ROWS), ("b", 0), ("c", ROWS)] {
            let found = target.query(&format!("SELECT count(*) FROM {table}"));
            assert_eq!(found, rows.to_string(), "{what}, -j {jobs}: {table} {}", restored.finished);
        }
    }
}

/// The file with the data of `b`: the second of three similar ones.
fn data_file(folder: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().is_some_and(|name| name != "toc.dat"));
    files.sort();
    assert_eq!(files.len(), 3);
    files.remove(1)
}

#[test]
fn damaged_directory_or_tar_file_empties_one_table() {
    for (codec, cluster) in codecs() {
        let source = source(cluster);
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("archive");
        source.pg_dump(&["-Fd", codec]).arg("-f").arg(&folder).succeed();
        let file = data_file(&folder);
        let whole = fs::read(&file).unwrap();
        let damages = [("half", whole.len() / 2), ("4 bytes less", whole.len() - 4), ("empty", 0)];
        for (name, length) in damages {
            fs::write(&file, &whole[..length]).unwrap();
            restores_the_others(cluster, &folder, &format!("directory, {codec}, {name}"));
            let tar = scratch.path().join("archive.tar");
            Tool::new("tar").arg("-C").arg(&folder).arg("-cf").arg(&tar).arg(".").succeed();
            restores_the_others(cluster, &tar, &format!("tar, {codec}, {name}"));
        }
        fs::remove_file(&file).unwrap();
        let target = cluster.fresh_db("missing");
        let restored = restore(&folder, &target, &[]);
        assert_eq!(restored.finished.code(), 3, "{codec}: {}", restored.finished);
        let nothing = target.query("SELECT to_regclass('a') IS NULL");
        assert_eq!(nothing, "t", "missing data is detected before anything is done");
    }
}

#[test]
fn damaged_custom_block_empties_one_table() {
    for (codec, cluster) in codecs() {
        let source = source(cluster);
        let scratch = tempfile::tempdir().unwrap();
        let archive = scratch.path().join("archive");
        source.pg_dump(&["-Fc", codec]).arg("-f").arg(&archive).succeed();
        let mut bytes = fs::read(&archive).unwrap();
        // Three blocks of the same size, after a table of contents that is much smaller.
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0);
        fs::write(&archive, &bytes).unwrap();
        restores_the_others(cluster, &archive, &format!("custom, {codec}"));

        bytes.truncate(middle);
        fs::write(&archive, &bytes).unwrap();
        let target = cluster.fresh_db("cut");
        let restored = restore(&archive, &target, &[]);
        assert!([1, 3].contains(&restored.finished.code()), "{codec}: {}", restored.finished);
        for table in ["b", "c"] {
            if target.query(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == "t" {
                assert_eq!(target.query(&format!("SELECT count(*) FROM {table}")), "0");
            }
        }
    }
}
