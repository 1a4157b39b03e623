//! `nocturne fetch-backup`.

use std::path::Path;

use chrono::Utc;
use nocturne::archive::Digest;

use crate::common::{Tool, bare_nocturne, wait_until};
use crate::files::{Act, Files, Served, noise};
use crate::host::{API_TOKEN, Host, assert_no_secret, backup};

fn fetch(host: &Host, folder: &Path) -> Tool {
    let tool = bare_nocturne().arg("fetch-backup").env("NOCTURNE_LOG", "trace").current_dir(folder);
    // Bytes that are not an archive are enough for most of these tests.
    let tool = tool.env("VERIFY_BACKUP", "false");
    host.variables().into_iter().fold(tool, |tool, (name, value)| tool.env(name, value))
}

/// A host with a backup of today with these bytes, and one of another day.
async fn host(bytes: &[u8], acts: impl IntoIterator<Item = Act>) -> (Host, Files) {
    let files = Files::serve(Served::new(bytes).acts(acts));
    let now = Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let list = vec![
        backup("5f1", "2024-05-01T00:00:12Z", "done", None),
        backup("5f2", &now, "done", Some(bytes.len())),
    ];
    let host = Host::with(list, &files.url("/x.tar.gz")).await;
    (host, files)
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_of_today_survives_a_broken_connection() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(300_000, 1);
    let (host, _files) = host(&bytes, [Act::Cut(100_000)]).await;
    let finished = fetch(&host, folder.path()).succeed();
    let entry = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
    let name = entry.file_name().into_string().unwrap();
    assert!(name.ends_with("_pix_api_4553.tar.gz"), "{name}");
    assert!(std::fs::read(entry.path()).unwrap() == bytes);
    let sum = Digest::of(&bytes);
    for line in
        ["backup   5f2", &format!("name     {name}"), "bytes    300000", &format!("sha256   {sum}")]
    {
        assert!(finished.stdout().lines().any(|found| found == line), "{line}: {finished}");
    }
    assert!(finished.stderr().contains("download interrupted, retrying"), "{finished}");
    assert_no_secret(&finished.stdout());
    assert_no_secret(&finished.stderr());
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_goes_to_stdout_and_facts_to_stderr() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(300_000, 1);
    let (host, _files) = host(&bytes, []).await;
    let finished = fetch(&host, folder.path()).args(["--backup", "5f1", "-o", "-"]).succeed();
    assert!(finished.stdout_bytes() == bytes);
    assert!(finished.stderr().contains(&format!("sha256   {}", Digest::of(&bytes))));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn token_comes_from_variable_or_file_only() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{API_TOKEN}\n")).unwrap();
    let (host, _files) = host(b"bytes", []).await;
    let tool = || fetch(&host, folder.path()).env("SCALINGO_API_TOKEN", "");
    let missing = tool().run().expect_code(2);
    assert!(missing.stderr().contains("SCALINGO_API_TOKEN"), "{missing}");
    tool().arg("--api-token-file").arg(&token).args(["-q", "-o", "b"]).succeed();
    assert_eq!(std::fs::read(folder.path().join("b")).unwrap(), b"bytes");
    tool().args(["--api-token", "x"]).run().expect_code(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_backup_of_today_fails_unless_any_day() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::serve(Served::new("bytes"));
    let list = vec![backup("5f1", "2024-05-01T00:00:12Z", "done", Some(5))];
    let host = Host::with(list, &files.url("/x.tar.gz")).await;
    let finished = fetch(&host, folder.path()).run().expect_code(1);
    assert!(finished.stderr().contains("the newest is 5f1 of 2024-05-01 00:00:12 UTC"));
    let too_old = fetch(&host, folder.path()).args(["--max-age-hours", "48"]).run().expect_code(1);
    assert!(too_old.stderr().contains("no backup from the last 48 hours"), "{too_old}");
    fetch(&host, folder.path()).arg("--any-day").succeed();
    assert!(folder.path().join("20240501000012_pix_api_4553.tar.gz").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_fetch_leaves_a_part_to_resume() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(300_000, 1);
    let (host, files) = host(&bytes, [Act::Stall(200_000)]).await;
    let mut command = fetch(&host, folder.path()).args(["-o", "b"]).into_command();
    let mut child = command.spawn().unwrap();
    let part = folder.path().join("b.part");
    wait_until("the part exists", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::fs::metadata(&part).map_or(0, |metadata| metadata.len()) >= 200_000
    });
    Tool::new("kill").args(["-s", "INT", &child.id().to_string()]).succeed();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!folder.path().join("b").exists());
    let finished = fetch(&host, folder.path()).args(["-o", "b"]).succeed();
    assert!(std::fs::read(folder.path().join("b")).unwrap() == bytes, "{finished}");
    assert_eq!(files.asked().last().unwrap().header("range"), Some("bytes=134464-"));
}

#[test]
fn backup_at_another_address_needs_no_host() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::serve(Served::new("bytes"));
    let url = files.url("/night.tar.gz?signature=secret-signature");
    let tool = bare_nocturne().arg("fetch-backup").current_dir(folder.path());
    let tool = tool.args(["--verify-backup=false", "--any-day"]);
    let finished = tool.env("BACKUP_SOURCE", url).succeed();
    assert_eq!(std::fs::read(folder.path().join("night.tar.gz")).unwrap(), b"bytes");
    assert_no_secret(&format!("{} {}", finished.stdout(), finished.stderr()));
}

/// A complete backup of an earlier day.
fn whole() -> Vec<u8> {
    let path = crate::common::cluster::repository().join("fixtures/warehouse-demo.tar.gz");
    std::fs::read(path).unwrap()
}

/// The files in a folder, each with its bytes.
fn files_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let file = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    };
    entries.map(file).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_download_leaves_the_earlier_file() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = whole();
    let tool = |host: &Host| fetch(host, folder.path()).env("VERIFY_BACKUP", "").args(["-o", "b"]);
    let (sound, _files) = host(&bytes, []).await;
    let finished = tool(&sound).succeed();
    assert!(finished.stderr().contains("backup verified: "), "{finished}");
    assert!(finished.stdout().contains("sha256"), "{finished}");
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 0x55;
    let before = [("b".to_owned(), bytes.clone())];
    for bytes in [&bytes[..bytes.len() - 3000], &flipped, b"no archive", b""] {
        let (damaged, _files) = host(bytes, []).await;
        // The second attempt has nothing to resume.
        for _ in 0..2 {
            let failed = tool(&damaged).run().expect_code(3);
            assert!(failed.stderr().contains("hint: nothing was written"), "{failed}");
            assert!(files_in(folder.path()) == before, "{failed}");
        }
    }
    // The same file, requested explicitly.
    let (damaged, _files) = host(b"no archive", []).await;
    tool(&damaged).arg("--verify-backup=false").succeed();
    assert_eq!(files_in(folder.path()), [("b".to_owned(), b"no archive".to_vec())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_backup_at_an_address_is_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("b"), "before").unwrap();
    let files = Files::serve(Served::new(whole()));
    let tool = || bare_nocturne().arg("fetch-backup").current_dir(folder.path());
    let tool = || tool().env("BACKUP_SOURCE", files.url("/night.tar.gz"));
    for rule in [&[][..], &["--max-age-hours", "24"]] {
        for output in ["b", "-"] {
            let failed = tool().args(rule).args(["-o", output]).run().expect_code(1);
            assert!(failed.stderr().contains(" was made at 20"), "{failed}");
            assert!(failed.stdout_bytes().is_empty());
        }
    }
    assert_eq!(files_in(folder.path()), [("b".to_owned(), b"before".to_vec())]);
    tool().args(["--any-day", "-o", "b"]).succeed();
    assert!(files_in(folder.path()) == [("b".to_owned(), whole())]);
}
