//! Restores over HTTP into real servers.

use nocturne::archive::Digest;

use crate::common::{assert_same_database, cluster, fixtures, nocturne, restore, versions};
use crate::files::{Act, Files, Served};
use crate::host::{Host, assert_no_secret, backup, hasty, now};
use nocturne::replicate::backup::scalingo::Choice;

const DEMO: &str = "fixtures/warehouse-demo.tar.gz";
const QUERY: &str = "/b/warehouse-demo.tar.gz?signature=secret-signature";

fn newest() -> u32 {
    *versions().last().expect("at least one version under test")
}

#[test]
fn restore_continues_over_a_broken_connection() {
    let cluster = cluster(newest());
    let (expected, actual) = (cluster.fresh_db("file"), cluster.fresh_db("http"));
    restore(DEMO.as_ref(), &expected, &["-j", "2"]).expect(0);
    let demo = std::fs::read(DEMO).unwrap();
    // Within the table of contents, and in the middle of the data.
    let acts = [Act::Cut(3000), Act::Cut(700_000), Act::Cut(1)];
    let files = Files::serve(Served::new(demo).acts(acts));
    let restored = restore(files.url(QUERY).as_ref(), &actual, &["-j", "2"]).expect(0);
    assert_no_secret(&restored.stderr());
    assert_same_database(&actual, &expected);
    let asked = files.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=3000-"), Some("bytes=703000-"), Some("bytes=703001-")]);
}

#[test]
fn retried_download_is_reported_by_commands_without_log() {
    let demo = std::fs::read(DEMO).unwrap();
    for command in ["list", "plan", "verify"] {
        // Within the table of contents.
        let files = Files::serve(Served::new(demo.clone()).acts([Act::Cut(3000)]));
        let said = nocturne().args([command, &files.url(QUERY)]).succeed();
        assert!(said.stderr().contains("download interrupted"), "{command}: {said}");
        assert_no_secret(&said.stderr());
    }
}

#[test]
fn download_refused_midway_fails_the_restore() {
    let cluster = cluster(newest());
    let target = cluster.fresh_db("cut");
    let acts = [Act::Cut(900_000), Act::Answer(410, String::new())];
    let files = Files::serve(Served::new(std::fs::read(DEMO).unwrap()).acts(acts));
    let finished = nocturne()
        .args(["restore", "-d", &target.url(), "-j", "2", "-v", "-v"])
        .arg(files.url(QUERY))
        .env("NOCTURNE_LOG", "trace")
        .run();
    assert_eq!(finished.code(), 3, "{finished}");
    assert!(finished.stderr().contains("the server answered 410 Gone"), "{finished}");
    assert_no_secret(&finished.stderr());
}

#[test]
fn remote_archives_can_be_listed_and_verified() {
    let mut tested = 0;
    for fixture in fixtures().iter().filter(|fixture| fixture.path.is_file()) {
        // A tar with its table of contents after the data works only as a file.
        if fixture.name.contains("directory") {
            continue;
        }
        let files = Files::serve(Served::new(std::fs::read(&fixture.path).unwrap()));
        let from_file = nocturne().arg("list").arg(&fixture.path).succeed();
        let listed = nocturne().args(["list", &files.url(QUERY)]).succeed();
        assert_eq!(listed.stdout(), from_file.stdout(), "{}", fixture.name);
        tested += 1;
    }
    assert!(tested > 0, "no fixtures: nothing was tested");
    let files = Files::serve(Served::new(std::fs::read(DEMO).unwrap()).acts([Act::Cut(9000)]));
    nocturne().args(["verify", &files.url(QUERY)]).succeed();
    let json = nocturne().args(["list", "--format", "json", &files.url(QUERY)]).succeed().stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["archive"], files.url("/b/warehouse-demo.tar.gz"));
}

#[test]
fn address_without_an_archive_is_reported() {
    let files = Files::serve(Served::new("<html>").acts([Act::Answer(404, String::new())]));
    let missing = nocturne().args(["list", &files.url(QUERY)]).run().expect_code(3);
    assert!(missing.stderr().contains("the server answered 404 Not Found"), "{missing}");
    let page = nocturne().args(["list", &files.url(QUERY)]).run().expect_code(3);
    assert!(page.stderr().contains("not a pg_dump archive"), "{page}");
    let wrong = nocturne().args(["list", "https://"]).run().expect_code(2);
    assert!(wrong.stderr().contains("not an http://, https:// or file:/// URL"), "{wrong}");
    for finished in [missing, page, wrong] {
        assert_no_secret(&finished.stderr());
    }
}

/// Uses the library like the nightly run: the host's API, then a restore while the backup
/// downloads, and finally the SHA-256 of what was restored.
#[tokio::test(flavor = "multi_thread")]
async fn host_backup_is_verified_while_downloading() {
    let demo = std::fs::read(DEMO).unwrap();
    let sum = Digest::of(&demo);
    let list = vec![backup("5f3", "2024-05-02T00:00:12Z", "done", Some(demo.len()))];
    let files = Files::serve(Served::new(demo).acts([Act::Cut(800_000)]));
    let host = Host::with(list, &files.url("/x.tar.gz")).await;
    let mut found = host.source(Choice::AnyDay).find(now()).await.unwrap();
    found.download = hasty();
    let open = found.open().await.unwrap();
    let progress = open.progress.unwrap();
    assert_eq!(progress.sha256(), None, "only the table of contents is read");
    let report = tokio::task::spawn_blocking(move || {
        nocturne::verify::verify(open.archive, &Default::default(), &|_| {})
    });
    assert!(report.await.unwrap().is_intact());
    assert_eq!(progress.sha256(), Some(sum));
    assert_eq!(progress.resumes(), 1);
}
