//! Downloads that break, and servers whose answers change.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use nocturne::archive::Digest;
use nocturne::replicate::backup::scalingo::Choice;
use nocturne::source::Address;
use nocturne::source::remote::{
    Download, DownloadError, DownloadOptions, DownloadProgress, Fixed, Start,
};

use crate::files::{Act, Files, Served, noise};
use crate::host::{Host, SIGNATURE, backup, hasty, now, told};

const LENGTH: usize = 300_000;

fn bytes() -> Vec<u8> {
    noise(LENGTH, 1)
}

/// The received bytes and the download's progress.
type Came = (Result<Vec<u8>, Arc<DownloadError>>, DownloadProgress);

async fn take(mut download: Download) -> Came {
    let (mut all, progress) = (Vec::new(), download.progress());
    loop {
        match download.next().await {
            Ok(Some(bytes)) => all.extend_from_slice(&bytes),
            Ok(None) => return (Ok(all), progress),
            Err(error) => return (Err(error), progress),
        }
    }
}

/// Downloads from a fixed address that contains secrets.
async fn get(files: &Files, promised: Option<u64>) -> Came {
    crate::log::collect();
    let address = files.url(&format!("/x.tar.gz?signature={SIGNATURE}"));
    let fixed = Fixed(Address::parse(&address).unwrap());
    take(Download::start(fixed, promised, Start::default(), hasty()).unwrap()).await
}

async fn fails(files: &Files, promised: Option<u64>) -> (String, Arc<DownloadError>) {
    let (came, progress) = get(files, promised).await;
    let error = came.expect_err("the download fails");
    assert!(progress.sha256().is_none());
    assert!(Arc::ptr_eq(&progress.failure().unwrap(), &error));
    (told(&error), error)
}

#[tokio::test]
async fn broken_download_resumes_with_a_fresh_address() {
    let acts = [Act::Cut(1000), Act::Cut(0), Act::Cut(70_000)];
    let files = Files::serve(Served::new(bytes()).acts(acts));
    let list = vec![backup("5f3", "2024-05-02T00:00:12Z", "done", Some(LENGTH))];
    let host = Host::with(list, &files.url("/x.tar.gz")).await;
    let mut found = host.source(Choice::Today(Tz::UTC)).find(now()).await.unwrap();
    found.download = hasty();
    let (came, progress) = take(found.start(Start::default()).unwrap()).await;
    assert_eq!(came.unwrap(), bytes());
    assert_eq!(progress.sha256(), Some(Digest::of(&bytes())));
    assert_eq!((progress.position(), progress.total()), (300_000, Some(300_000)));
    assert_eq!(progress.resumes(), 3);
    let asked = files.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("range")).collect();
    let later = Some("bytes=1000-");
    assert_eq!(ranges, [None, later, later, Some("bytes=71000-")]);
    assert!(asked[1..].iter().all(|asked| asked.header("if-range") == Some("\"v1\"")));
    let signed = |number: usize| format!("/x.tar.gz?signature={SIGNATURE}-{number}");
    let targets: Vec<_> = asked.iter().map(|asked| asked.target.clone()).collect();
    assert_eq!(targets, [signed(1), signed(2), signed(3), signed(4)]);
}

#[tokio::test]
async fn server_without_ranges_resends_and_bytes_are_compared() {
    let acts = [Act::Cut(100_000), Act::Cut(200_000)];
    let files = Files::serve(Served { ranges: false, ..Served::new(bytes()).acts(acts) });
    let (came, progress) = get(&files, None).await;
    assert_eq!(came.unwrap(), bytes());
    assert_eq!(progress.sha256(), Some(Digest::of(&bytes())));
    assert_eq!(files.asked().len(), 3);
}

#[tokio::test]
async fn changed_bytes_are_detected_without_ranges_and_tags() {
    let served = Served { ranges: false, etag: None, ..Served::new(bytes()) };
    let files = Files::serve(served.acts([Act::Cut(100_000), Act::Hold]));
    let address = Fixed(Address::parse(&files.url("/")).unwrap());
    let mut download = Download::start(address, None, Start::default(), hasty()).unwrap();
    let first = download.next().await.unwrap();
    assert!(first.is_some());
    files.change(|served| served.body[50_000] ^= 1);
    files.release();
    let text = told(&take(download).await.0.unwrap_err());
    let what = "the backup changed while it was read (it starts with different bytes)";
    assert!(text.contains(what), "{text}");
}

#[tokio::test]
async fn different_tag_or_length_is_another_backup() {
    type Change = fn(&mut Served);
    let changes: [(&str, Change); 3] = [
        ("its ETag changed", |served| served.etag = Some("\"v2\"".to_owned())),
        ("it had 300000 bytes and has 300001", |served| served.body.push(0)),
        ("it had 300000 bytes and has 500", |served| served.body.truncate(500)),
    ];
    for ranges in [true, false] {
        for (what, change) in changes {
            let acts = [Act::Cut(100_000), Act::Hold];
            let files = Files::serve(Served { ranges, ..Served::new(bytes()).acts(acts) });
            let address = Fixed(Address::parse(&files.url("/")).unwrap());
            let mut download = Download::start(address, None, Start::default(), hasty()).unwrap();
            assert!(download.next().await.unwrap().is_some());
            // While the second request gets no answer.
            files.change(change);
            files.release();
            let error = take(download).await.0.unwrap_err();
            assert!(!error.is_permanent());
            let text = told(&error);
            assert!(text.contains("changed while it was read") && text.contains(what), "{text}");
        }
    }
}

#[tokio::test]
async fn listed_size_that_differs_is_only_a_warning() {
    for (length, ranges) in [(true, true), (false, true), (false, false)] {
        for promised in [299_999, 300_000, 300_001] {
            let files = Files::serve(Served { length, ranges, ..Served::new(bytes()) });
            let (came, progress) = get(&files, Some(promised)).await;
            assert_eq!(came.unwrap(), bytes(), "{promised} {length} {ranges}");
            assert_eq!(progress.sha256(), Some(Digest::of(&bytes())));
        }
    }
}

#[tokio::test]
async fn listed_size_resumes_a_body_of_unknown_length() {
    let served = Served { length: false, ..Served::new(bytes()) };
    let files = Files::serve(served.acts([Act::Cut(100_000)]));
    let (came, _) = get(&files, Some(300_000)).await;
    assert_eq!(came.unwrap(), bytes());
}

#[tokio::test]
async fn truncated_chunked_body_is_resumed() {
    let served = Served { length: false, ..Served::new(bytes()) };
    let files = Files::serve(served.acts([Act::Cut(100_000)]));
    let (came, progress) = get(&files, None).await;
    assert_eq!(came.unwrap(), bytes());
    assert_eq!(progress.sha256(), Some(Digest::of(&bytes())));
    assert_eq!(files.asked()[1].header("range"), Some("bytes=100000-"));
}

#[tokio::test]
async fn silent_server_counts_as_broken() {
    let acts = [Act::Stall(100_000), Act::Stall(0)];
    let files = Files::serve(Served::new(bytes()).acts(acts));
    let address = Fixed(Address::parse(&files.url("/")).unwrap());
    // On a slow machine the whole file may also seem to be late.
    let options = DownloadOptions { idle: Duration::from_millis(1500), tries: 100, ..hasty() };
    let download = Download::start(address, None, Start::default(), options).unwrap();
    let (came, progress) = take(download).await;
    assert_eq!(came.unwrap(), bytes());
    assert!(progress.resumes() >= 2, "{}", progress.resumes());
}

#[tokio::test]
async fn slow_reader_is_not_a_silent_server() {
    // More than socket buffers and the channel can hold.
    let body = noise(24 << 20, 2);
    let files = Files::serve(Served::new(body.clone()));
    let address = Fixed(Address::parse(&files.url("/")).unwrap());
    let options = DownloadOptions { idle: Duration::from_secs(5), ..hasty() };
    let download = Download::start(address, None, Start::default(), options).unwrap();
    let progress = download.progress();
    let mut reader = download.into_reader();
    let all = tokio::task::spawn_blocking(move || {
        let mut all = vec![0; 1];
        reader.read_exact(&mut all).unwrap();
        std::thread::sleep(Duration::from_secs(7));
        reader.read_to_end(&mut all).map(|_| all)
    });
    assert!(all.await.unwrap().unwrap() == body);
    assert_eq!((files.asked().len(), progress.resumes()), (1, 0));
}

#[tokio::test]
async fn stalled_download_is_given_up() {
    let acts = std::iter::once(Act::Cut(1000)).chain(vec![Act::Cut(0); 9]);
    let files = Files::serve(Served::new(bytes()).acts(acts));
    let (text, error) = fails(&files, None).await;
    assert!(!error.is_permanent());
    let what =
        "the download stopped at byte 1000; 3 attempts to resume it failed: http://127.0.0.1:";
    assert!(text.starts_with(what), "{text}");
    assert_eq!(files.asked().len(), 4);
}

#[tokio::test]
async fn attempts_that_yield_bytes_are_not_counted() {
    let acts = vec![Act::Cut(20_000); 14];
    let files = Files::serve(Served::new(bytes()).acts(acts));
    let (came, progress) = get(&files, None).await;
    assert_eq!(came.unwrap(), bytes());
    assert_eq!(progress.resumes(), 14);
}

#[tokio::test]
async fn expired_address_is_replaced_when_possible() {
    let acts = || [Act::Cut(1000), Act::Answer(403, String::new())];
    let files = Files::serve(Served::new(bytes()).acts(acts()));
    let list = vec![backup("5f3", "2024-05-02T00:00:12Z", "done", None)];
    let host = Host::with(list, &files.url("/x.tar.gz")).await;
    let mut found = host.source(Choice::AnyDay).find(now()).await.unwrap();
    found.download = hasty();
    assert_eq!(take(found.start(Start::default()).unwrap()).await.0.unwrap(), bytes());

    let files = Files::serve(Served::new(bytes()).acts(acts()));
    let (text, error) = fails(&files, None).await;
    assert!(error.is_permanent());
    assert!(text.ends_with("/x.tar.gz: the server answered 403 Forbidden"), "{text}");
    assert_eq!(files.asked().len(), 2);
}

#[tokio::test]
async fn overloaded_server_is_retried() {
    let busy = |status| Act::Answer(status, "Retry-After: 0\r\n".to_owned());
    let files = Files::serve(Served::new(bytes()).acts([busy(503), busy(429), busy(500)]));
    assert_eq!(get(&files, None).await.0.unwrap(), bytes());
    assert_eq!(files.asked().len(), 4);
}

#[tokio::test]
async fn unrequested_range_is_refused() {
    let acts = [Act::Cut(100_000), Act::WrongRange];
    let files = Files::serve(Served::new(bytes()).acts(acts));
    assert_eq!(get(&files, None).await.0.unwrap(), bytes());
    let asked = files.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-"), None]);
}

#[tokio::test]
async fn redirect_is_followed_without_revealing_the_signed_address() {
    let files = Files::serve(Served::new(bytes()));
    let to = format!("Location: {}\r\n", files.url("/elsewhere"));
    let first = Files::serve(Served::new("").acts([Act::Answer(302, to)]));
    assert_eq!(get(&first, None).await.0.unwrap(), bytes());
    assert_eq!(files.asked()[0].header("referer"), None);
}

#[tokio::test]
async fn password_in_an_address_is_used_and_hidden() {
    let files = Files::serve(Served::new("").acts([Act::Answer(401, String::new())]));
    let url = files.url("/x").replace("http://", "http://reader:addon-secret@");
    let fixed = Fixed(Address::parse(&url).unwrap());
    let download = Download::start(fixed, None, Start::default(), hasty()).unwrap();
    let text = told(&take(download).await.0.unwrap_err());
    assert!(text.ends_with("/x: the server answered 401 Unauthorized"), "{text}");
    // reader:addon-secret
    let basic = Some("Basic cmVhZGVyOmFkZG9uLXNlY3JldA==");
    assert_eq!(files.asked()[0].header("authorization"), basic);
}

#[tokio::test]
async fn empty_file_is_empty() {
    let (came, progress) = get(&Files::serve(Served::new("")), None).await;
    assert_eq!(came.unwrap(), b"");
    assert_eq!(progress.sha256(), Some(Digest::of(b"")));
}
