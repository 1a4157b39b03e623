//! Backups on disk: kept as a file, or only during a restore.

use std::path::Path;

use nocturne::archive::{Digest, Format};
use nocturne::replicate::backup::{BackupError, BackupSource, FoundBackup, Saved, save};
use nocturne::server::Retry;
use nocturne::source::{Access, Address};

use crate::files::{Act, Files, Served, noise};
use crate::host::{hasty, now, told};

async fn found(files: &Files) -> FoundBackup {
    crate::log::collect();
    let address = Address::parse(&files.url("/x.tar.gz?signature=secret-signature")).unwrap();
    let mut found = BackupSource::Url(address).find(now()).await.unwrap();
    found.download = hasty();
    found
}

async fn keep(files: &Files, path: &Path) -> Result<Saved, BackupError> {
    save(&found(files).await, path, None, |_| {}).await
}

#[tokio::test]
async fn complete_backup_is_kept_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar.gz");
    let bytes = noise(300_000, 1);
    let files = Files::serve(Served::new(bytes.clone()).acts([Act::Cut(100_000)]));
    let saved = keep(&files, &path).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let expected = Saved { path, size: 300_000, sha256: Digest::of(&bytes), kept: 0 };
    assert_eq!(saved, expected);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no part remains");
}

#[tokio::test]
async fn part_of_an_earlier_attempt_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar.gz");
    let bytes = noise(300_000, 1);
    let acts = std::iter::once(Act::Cut(200_000)).chain(vec![Act::Cut(0); 3]);
    let files = Files::serve(Served::new(bytes.clone()).acts(acts));
    told(&keep(&files, &path).await.unwrap_err());
    assert!(!path.exists());
    assert_eq!(std::fs::read(folder.path().join("b.tar.gz.part")).unwrap(), bytes[..200_000]);

    let saved = keep(&files, &path).await.unwrap();
    assert_eq!((saved.size, saved.kept), (300_000, 200_000));
    assert_eq!(saved.sha256, Digest::of(&bytes));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    // Shortly before its end, for comparison.
    assert_eq!(files.asked().last().unwrap().header("range"), Some("bytes=134464-"));
}

#[tokio::test]
async fn part_of_another_backup_is_replaced() {
    let bytes = noise(300_000, 1);
    let mut damaged = bytes[..250_000].to_vec();
    damaged[249_999] ^= 1;
    let parts = [noise(200_000, 2), noise(400_000, 2), noise(10, 2), damaged];
    for ranges in [true, false] {
        for part in &parts {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("b.tar.gz");
            std::fs::write(folder.path().join("b.tar.gz.part"), part).unwrap();
            let files = Files::serve(Served { ranges, ..Served::new(bytes.clone()) });
            let saved = keep(&files, &path).await.unwrap();
            assert_eq!(saved.kept, 0, "{} bytes", part.len());
            assert_eq!(saved.sha256, Digest::of(&bytes));
            assert!(std::fs::read(&path).unwrap() == bytes);
        }
    }
}

#[tokio::test]
async fn complete_part_is_only_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar.gz");
    let bytes = noise(300_000, 1);
    std::fs::write(folder.path().join("b.tar.gz.part"), &bytes).unwrap();
    let files = Files::serve(Served::new(bytes.clone()));
    let saved = keep(&files, &path).await.unwrap();
    assert_eq!((saved.size, saved.kept), (300_000, 300_000));
    assert_eq!(saved.sha256, Digest::of(&bytes));
    assert_eq!(files.asked().len(), 1);
}

#[tokio::test]
async fn two_processes_never_write_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar.gz");
    let files = Files::serve(Served::new(noise(300_000, 1)).acts([Act::Stall(1000)]));
    let mut backup = found(&files).await;
    // The first is stalled while the second looks.
    backup.download.idle = std::time::Duration::from_secs(10);
    let (sender, started) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let first = save(&backup, &path, None, |_| {
        let _ = sender.take().map(|sender| sender.send(()));
    });
    let second = async {
        started.await.unwrap();
        keep(&files, &path).await
    };
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    let error = second.unwrap_err();
    assert!(matches!(error, BackupError::Locked { .. }), "{error:?}");
}

#[tokio::test]
async fn local_backup_is_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.dump"), "").unwrap();
    let found = BackupSource::Path(folder.path().to_owned()).find(now()).await.unwrap();
    let error = save(&found, &folder.path().join("b"), None, |_| {}).await.unwrap_err();
    assert!(matches!(&error, BackupError::IsLocal { path } if path.ends_with("a.dump")));
}

#[tokio::test]
async fn backup_downloaded_first_is_seekable_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dump = std::fs::read("fixtures/warehouse-pg17-custom-zstd.dump").unwrap();
    let sum = Digest::of(&dump);
    let files = Files::serve(Served::new(dump).acts([Act::Cut(1000)]));
    let open = found(&files).await.open_on_disk(folder.path(), None, |_| {}).await.unwrap();
    assert!(matches!(open.archive.access, Access::Random(_)));
    assert_eq!((open.archive.name.as_str(), open.archive.format), ("x.tar.gz", Format::Custom));
    assert_eq!(open.progress.unwrap().sha256(), Some(sum));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn insufficient_disk_space_is_reported_before_downloading() {
    let folder = tempfile::tempdir().unwrap();
    let length = 1 << 60;
    let files = Files::serve(Served::new("").acts([Act::Length(length), Act::Length(length)]));
    let open = found(&files).await.open_on_disk(folder.path(), None, |_| {}).await;
    let kept = keep(&files, &folder.path().join("b")).await;
    for error in [open.unwrap_err(), kept.unwrap_err()] {
        assert!(matches!(error, BackupError::NoSpace { .. }), "{error:?}");
        assert_ne!(error.retry(), Retry::Never);
        assert!(told(&error).contains(" free, but the backup needs 1.2 EB"), "{}", told(&error));
    }
}

#[tokio::test]
async fn newest_archive_of_a_folder_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy("fixtures/warehouse-demo.tar.gz", folder.path().join("a.tar.gz")).unwrap();
    let found = BackupSource::Path(folder.path().to_owned()).find(now()).await.unwrap();
    let open = found.open().await.unwrap();
    assert!(open.archive.name.ends_with("a.tar.gz"));
    assert!(open.progress.is_none());
}
