//! A backup's bytes are identified, and a replaced backup is not resumed.

use sha2::{Digest as _, Sha256};

use super::scene::{Scene, archive, pack};
use crate::common::folder;

/// As `sha256sum` writes it.
fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same archive, of the same size, with another row.
fn other(scene: &Scene<'_>) -> Vec<u8> {
    let mut dump = std::fs::read(scene.dump()).unwrap();
    let row = b"user7@example.org";
    let place = dump.windows(row.len()).position(|bytes| bytes == row).unwrap();
    dump[place..place + row.len()].copy_from_slice(b"other@example.org");
    std::fs::write(scene.dump(), dump).unwrap();
    pack(scene.folder.path())
}

async fn replaced(name: &str, download_first: &str, words: &str) {
    let scene = Scene::new(name).await;
    let bytes = archive(&scene.source, scene.folder.path(), &["--compress=0"]);
    scene.serve(bytes.clone());
    let night = || scene.night().env("DOWNLOAD_FIRST", download_first);
    // All rows have arrived, and the night is not over.
    let hooks = folder(&[("after-restore.sql", "SELECT 1 / 0;")]);
    night().env("HOOKS_DIR", hooks.path()).run().expect_code(1);
    assert_eq!(scene.record()["backup"]["sha256"], sum(&bytes));
    let users = |email: &str| {
        let sql = format!("SELECT count(*) FROM users WHERE email = '{email}@example.org'");
        scene.warehouse.database.query(&sql)
    };
    assert_eq!([users("user7"), users("other")], ["1", "0"]);

    let other = other(&scene);
    scene.serve(other.clone());
    let again = night().succeed();
    assert!(
        again.stderr().contains("resuming the restore of this backup")
            == (download_first == "false")
    );
    assert!(again.stderr().contains(words), "{again}");
    // The abandoned attempt reports nothing about its entries.
    assert!(!again.stderr().contains("not reached"), "{again}");
    assert_eq!([users("user7"), users("other")], ["0", "1"]);
    assert_eq!(scene.record()["backup"]["sha256"], sum(&other));
    let told = scene.told().await;
    let sums: Vec<_> = told.iter().map(|told| told["backup"]["sha256"].clone()).collect();
    assert_eq!(sums, [sum(&bytes), sum(&other)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_replaced_during_download_is_detected() {
    let words = "cannot resume the previous attempt; starting over";
    replaced("night_replaced", "false", words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_replaced_after_download_is_detected() {
    let words = "the backup differs from that of the previous attempt";
    replaced("night_replaced_disk", "true", words).await;
}
