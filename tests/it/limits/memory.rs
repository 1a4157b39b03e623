//! The memory of a restore, whatever the archive's size.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::writer::Writer;
use crate::common::versions::newest;
use crate::common::{Database, Tool, cluster, nocturne};

/// Restores, expects success, and returns the peak resident memory in MB.
fn peak(archive: &Path, target: &Database<'_>, args: &[&str]) -> u64 {
    peak_of("restore", archive, target, args)
}

/// The same for a command. The last twentieth of a second is not measured.
fn peak_of(command: &str, archive: &Path, target: &Database<'_>, args: &[&str]) -> u64 {
    let tool = nocturne().arg(command).arg(archive).args(["-d", &target.url()]).args(args);
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = tool.arg("--quiet").into_command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.reopen().unwrap());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let code = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kilobytes = line.split_whitespace().next().and_then(|number| number.parse().ok());
        most = most.max(kilobytes.unwrap_or(0));
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(code.success(), "{}", fs::read_to_string(log.path()).unwrap());
    assert!(most > 0, "cannot read the memory in use");
    eprintln!("{args:?}: {} MB", most / 1024);
    most / 1024
}

fn dumped(sql: &str, folder: &Path, args: &[&str]) -> std::path::PathBuf {
    let source = cluster(newest()).fresh_db("source");
    source.execute(sql);
    let path = folder.join(&source.name);
    source.pg_dump(args).arg("--file").arg(&path).succeed();
    path
}

#[test]
fn hundred_thousand_entries_need_few_locks_and_memory() {
    let mut writer = Writer::new();
    let tables = 5_000;
    for number in 0..tables {
        let create = format!("CREATE TABLE public.t{number} (id int);\n");
        let drop = format!("DROP TABLE public.t{number};\n");
        let table = writer.entry("TABLE", &format!("t{number}"), &create, &drop, None);
        for comment in 0..19 {
            let sql = format!("COMMENT ON TABLE public.t{number} IS '{comment}';\n");
            writer.entry("COMMENT", &format!("TABLE t{number}"), &sql, "", Some(table));
        }
    }
    let archive = tempfile::NamedTempFile::new().unwrap();
    fs::write(archive.path(), writer.finish()).unwrap();
    let target = cluster(newest()).fresh_db("many");
    let most = peak(archive.path(), &target, &["-j", "2"]);
    assert!(most < 400, "{most} MB");
    let found = target.query("SELECT count(*) FROM pg_description WHERE description = '18'");
    assert_eq!(found, tables.to_string());
}

#[test]
fn very_wide_field_is_not_held_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let archive = dumped(
        "CREATE TABLE wide (id int, t text);
         INSERT INTO wide VALUES (1, repeat('0123456789abcdef', 200 * 65536));",
        folder.path(),
        &["--format=custom", "--compress=1"],
    );
    let target = cluster(newest()).fresh_db("wide");
    let most = peak(&archive, &target, &["-j", "2"]);
    assert_eq!(target.query("SELECT length(t) FROM wide"), (200 << 20).to_string());
    assert!(most < 120, "{most} MB");
}

#[test]
fn twentyfold_table_restores_in_the_same_memory() {
    let folder = tempfile::tempdir().unwrap();
    let table = |rows: usize| {
        format!(
            "CREATE TABLE t (id int, t text);
             INSERT INTO t SELECT i, repeat(md5(i::text), 31) FROM generate_series(1, {rows}) i;"
        )
    };
    let sizes = [10_000, 200_000];
    let archives =
        sizes.map(|rows| dumped(&table(rows), folder.path(), &["--format=custom", "--compress=1"]));
    // By one session, and by all of them.
    for split in ["0", "64kB"] {
        let mut most = Vec::new();
        for (archive, rows) in archives.iter().zip(sizes) {
            let target = cluster(newest()).fresh_db("large");
            most.push(peak(archive, &target, &["-j", "4", "--split-size", split]));
            assert_eq!(target.query("SELECT count(*) FROM t"), rows.to_string());
        }
        assert!(most[1] < most[0] + 24, "split at {split}: {most:?} MB");
    }
}

/// For a stream: the read-ahead limit may be added.
#[test]
fn stream_memory_is_bounded_by_the_read_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let archive = dumped(
        "CREATE TABLE a (id int, t text); CREATE TABLE b (id int, t text);
         INSERT INTO a SELECT i, repeat(md5(i::text), 31) FROM generate_series(1, 100000) i;
         INSERT INTO b SELECT i, repeat(md5(i::text), 31) FROM generate_series(1, 100000) i;",
        folder.path(),
        &["--format=custom", "--compress=0"],
    );
    Tool::new("gzip").arg("-1").arg(&archive).succeed();
    let wrapped = archive.with_extension("gz");
    let most = ["0", "16MB", "48MB"].map(|room| {
        let target = cluster(newest()).fresh_db("ahead");
        let most = peak(&wrapped, &target, &["-j", "2", "--read-ahead", room]);
        assert_eq!(target.query("SELECT count(*) FROM a JOIN b USING (id, t)"), "100000");
        most
    });
    assert!(most[1] < most[0] + 16 + 24 && most[2] < most[0] + 48 + 24, "{most:?} MB");
}

#[test]
fn twentyfold_table_compares_in_the_same_memory() {
    let folder = tempfile::tempdir().unwrap();
    // In another time zone the rows have other texts, so they are also loaded.
    let of = |rows: usize| {
        let sql = format!(
            "SET timezone = 'Asia/Tokyo';
             CREATE TABLE t (id int, t text, at timestamptz);
             INSERT INTO t SELECT i, repeat(md5(i::text), 31), now() FROM generate_series(1, {rows}) i;"
        );
        let target = cluster(newest()).fresh_db("compared");
        target.execute(&sql);
        let path = folder.path().join(&target.name);
        let dump = target.pg_dump(&["--format=custom", "--compress=1"]).arg("--file").arg(&path);
        dump.env("PGTZ", "Asia/Tokyo").succeed();
        peak_of("verify", &path, &target, &["-j", "4"])
    };
    let most = [10_000, 200_000].map(of);
    assert!(most[1] < most[0] + 24, "{most:?} MB");
}
