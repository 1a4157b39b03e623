//! Responses of the web process, with and without the token.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures::FutureExt;
use futures::future::BoxFuture;
use secrecy::SecretString;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::words::{distance, moment, span};
use super::*;
use crate::replicate::notify::{Notifier, Patience};
use crate::replicate::schedule::CronSchedule;
use crate::replicate::stages::Stage;
use crate::replicate::worker::{
    BackupRecord, Clock, Entries, History, HistoryError, RunOutcome, RunRecord, StageName,
    StageRecord, StageState, Trigger,
};

const TOKEN: &str = "0123456789abcdef";

fn utc(text: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc()
}

struct Stopped(DateTime<Utc>);

impl Clock for Stopped {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

/// Fixed records, or an error.
struct Fixed(Option<Vec<RunRecord>>);

impl History for Fixed {
    fn save<'a>(&'a self, _: &'a RunRecord) -> BoxFuture<'a, Result<(), HistoryError>> {
        async { Ok(()) }.boxed()
    }

    fn latest(&self, count: usize) -> BoxFuture<'_, Result<Vec<RunRecord>, HistoryError>> {
        let records = self.0.clone().ok_or(HistoryError::Slow);
        async move { records.map(|records| records.into_iter().take(count).collect()) }.boxed()
    }
}

/// Two nights: one that succeeded on the second attempt, and a failed one before it.
fn runs() -> Vec<RunRecord> {
    let started = utc("2026-03-02 04:10");
    let at = |minutes| started + TimeDelta::minutes(minutes);
    let stage = |attempt, name, from, to, state, rows| StageRecord {
        name,
        attempt,
        started: at(from),
        ended: Some(at(to)),
        state,
        rows,
        bytes: 40 * rows,
    };
    let last = RunRecord {
        id: "a".to_owned(),
        app: None,
        mode: "full".to_owned(),
        version: "0.1.0".to_owned(),
        trigger: Trigger::Schedule,
        scheduled: Some(started),
        schedule: None,
        started,
        ended: Some(at(120)),
        outcome: RunOutcome::Succeeded,
        attempts: 2,
        stages: vec![
            stage(1, StageName::Known(Stage::Restore), 0, 10, StageState::Failed, 7),
            stage(2, StageName::Known(Stage::FindBackup), 25, 26, StageState::Done, 0),
            stage(2, StageName::Known(Stage::Restore), 26, 110, StageState::Done, 1_234_567),
            stage(2, StageName::Known(Stage::Hooks), 110, 111, StageState::Done, 0),
            stage(2, StageName::Known(Stage::Hooks), 112, 114, StageState::Done, 0),
        ],
        backup: Some(BackupRecord {
            id: "5f1e".to_owned(),
            created: Some(at(-250)),
            bytes: Some(29_000_000_000),
            sha256: Some("0f".repeat(32)),
        }),
        entries: Some(Entries { done: 412, skipped: 3, tolerated: 1, failed: 0 }),
        restored_by: None,
        delta: None,
        not_restored: Vec::new(),
        error: None,
        report: Some("Durée totale: 2h 0min 0s".to_owned()),
    };
    let failed = RunRecord {
        id: "b".to_owned(),
        started: at(-1440),
        scheduled: Some(at(-1440)),
        ended: Some(at(-1430)),
        outcome: RunOutcome::Failed,
        error: Some("no backup of today <script>alert(1)</script>".to_owned()),
        stages: Vec::new(),
        ..last.clone()
    };
    vec![last, failed]
}

/// The web process, as the host sees it.
struct Running {
    address: String,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    async fn start(site: Option<Site>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router(site), stop.clone()));
        Self { address, stop, server }
    }

    async fn with(records: Option<Vec<RunRecord>>) -> Self {
        Self::start(Some(Site {
            token: Token::new(&SecretString::from(TOKEN)),
            history: Arc::new(Fixed(records)),
            schedule: Some(CronSchedule::parse("10 5 * * *", Tz::Europe__Paris).unwrap()),
            zone: Tz::Europe__Paris,
            app: Some("pix-datawarehouse".to_owned()),
            clock: Arc::new(Stopped(utc("2026-03-02 10:00"))),
        }))
        .await
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.request(path).send().await.unwrap()
    }

    async fn get_with_token(&self, path: &str) -> reqwest::Response {
        self.request(path).bearer_auth(TOKEN).send().await.unwrap()
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        // The project's own client: reqwest is built without TLS.
        let notifier = Notifier::new(Vec::new(), Patience::default()).unwrap();
        notifier.client().get(format!("{}{path}", self.address))
    }
}

#[tokio::test]
async fn public_pages_only_show_the_version() {
    for running in [Running::start(None).await, Running::with(Some(runs())).await] {
        for path in ["/", "/healthz"] {
            let answer = running.get(path).await;
            assert_eq!(answer.status(), 200);
            let expected = format!("nocturne {}\n", env!("CARGO_PKG_VERSION"));
            assert_eq!(answer.text().await.unwrap(), expected);
        }
    }
}

#[tokio::test]
async fn run_pages_need_a_status_token() {
    let running = Running::start(None).await;
    for path in ["/status", "/metrics", "/status.css", "/status?token=", "/x"] {
        let answer = running.get_with_token(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.text().await.unwrap(), "not found\n");
    }
}

#[tokio::test]
async fn run_pages_reject_wrong_tokens() {
    let running = Running::with(Some(runs())).await;
    for path in ["/status", "/metrics"] {
        for wrong in [
            path.to_owned(),
            format!("{path}?token="),
            format!("{path}?token={TOKEN}0"),
            format!("{path}?Token={TOKEN}"),
            format!("{path}?token=%ff"),
        ] {
            let answer = running.get(&wrong).await;
            assert_eq!(answer.status(), 404, "{wrong}");
            assert_eq!(answer.text().await.unwrap(), "not found\n");
        }
        let basic = running.request(path).basic_auth("", Some(TOKEN)).send().await.unwrap();
        assert_eq!(basic.status(), 404);
        // A wrong token in the header is not overridden by the address.
        let both = format!("{path}?token={TOKEN}");
        let answer = running.request(&both).bearer_auth("wrong").send().await.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(running.get(&both).await.status(), 200);
        assert_eq!(running.get_with_token(path).await.status(), 200);
    }
}

#[tokio::test]
async fn headers_forbid_loading_and_referrers() {
    let running = Running::with(Some(runs())).await;
    for path in ["/", "/status", "/missing"] {
        let answer = running.get_with_token(path).await;
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
    let html = running.get_with_token("/status").await.text().await.unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    assert!(!html.contains("style=") && !html.contains("<script"), "{html}");
    let style = running.get("/status.css").await;
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn page_shows_past_and_upcoming_runs() {
    let running = Running::with(Some(runs())).await;
    let html = running.get_with_token("/status").await.text().await.unwrap();
    for expected in [
        "pix-datawarehouse",
        "succeeded",
        // The age of the data: dumped at 00:00 UTC, viewed at 10:00.
        "Mon 2 Mar, 01:00",
        "10 hours ago",
        "took 2h 0min 0s, 2 attempts.",
        "1,234,567 rows",
        "5f1e",
        "29.0 GB",
        "Entries: 412 done, 3 skipped, 1 tolerated.",
        "Tue 3 Mar, 05:10",
        "in 18 hours",
        "Durée totale: 2h 0min 0s",
        "no backup of today &lt;script&gt;alert(1)&lt;/script&gt;",
        "times in Europe/Paris",
    ] {
        assert!(html.contains(expected), "{expected} in\n{html}");
    }
    assert_eq!(html.matches("class=\"bar\"").count(), 5);
    // The second attempt's restore: from minute 26 of 120, for 84.
    assert!(html.contains("x=\"216.7\" y=\"0\" width=\"700.0\""), "{html}");
}

#[tokio::test]
async fn page_reports_missing_runs_and_unreadable_records() {
    let html = Running::with(Some(Vec::new())).await.get_with_token("/status").await;
    assert_eq!(html.status(), 200);
    assert!(html.text().await.unwrap().contains("No run has been recorded yet."));
    let html = Running::with(None).await.get_with_token("/status").await;
    assert_eq!(html.status(), 503);
    let html = html.text().await.unwrap();
    assert!(html.contains("Cannot read the records of runs"), "{html}");
    assert!(html.contains("Tue 3 Mar, 05:10"), "the next runs are still shown: {html}");
}

#[tokio::test]
async fn metrics_use_the_prometheus_text_format() {
    let running = Running::with(Some(runs())).await;
    let answer = running.get_with_token("/metrics").await;
    assert!(
        answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4")
    );
    let text = answer.text().await.unwrap();
    for line in [
        "# TYPE nocturne_last_run_success gauge",
        "nocturne_last_run_success 1",
        "nocturne_run_in_progress 0",
        "nocturne_records_readable 1",
        "nocturne_last_run_duration_seconds 7200",
        "nocturne_last_run_attempts 2",
        "nocturne_last_run_rows 1234567",
        "nocturne_last_run_bytes 49382680",
        "nocturne_last_run_entries{state=\"skipped\"} 3",
        "nocturne_last_run_stage_duration_seconds{stage=\"restore\"} 5040",
        "nocturne_last_run_stage_duration_seconds{stage=\"hooks\"} 180",
        "nocturne_next_run_timestamp_seconds 1772511000",
        "nocturne_last_success_timestamp_seconds 1772431800",
        "nocturne_backup_age_seconds 36000",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
    }
    // The lines of a name are adjacent, with one HELP line.
    for line in text.lines().filter(|line| line.starts_with("# HELP")) {
        assert_eq!(text.matches(line).count(), 1, "{line}");
    }
}

#[tokio::test]
async fn metrics_of_failed_night_keep_the_last_success() {
    let mut runs = runs();
    runs.swap(0, 1);
    let text = Running::with(Some(runs)).await.get_with_token("/metrics").await;
    let text = text.text().await.unwrap();
    assert!(text.contains("\nnocturne_last_run_success 0\n"), "{text}");
    assert!(text.contains("\nnocturne_last_success_timestamp_seconds 1772431800\n"), "{text}");
    let text = Running::with(None).await.get_with_token("/metrics").await.text().await.unwrap();
    assert!(text.contains("\nnocturne_records_readable 0\n"), "{text}");
    assert!(!text.contains("last_run_success"), "{text}");
}

#[tokio::test]
async fn server_stops_on_request() {
    let running = Running::with(Some(runs())).await;
    assert_eq!(running.get("/").await.status(), 200);
    running.stop.cancel();
    let (request, Running { server, .. }) = (running.request("/"), running);
    server.await.unwrap().unwrap();
    assert!(request.send().await.unwrap_err().is_connect());
}

#[test]
fn token_only_equals_itself() {
    let token = Token::new(&SecretString::from(TOKEN));
    assert!(token.is(TOKEN));
    assert!(!token.is("") && !token.is(&TOKEN[1..]) && !token.is(&TOKEN.to_uppercase()));
    assert_eq!(format!("{token:?}"), "Token(…)");
}

#[test]
fn times_are_readable() {
    let now = utc("2026-03-02 10:00");
    assert_eq!(moment(utc("2026-03-01 23:10"), Tz::Europe__Paris, now), "Mon 2 Mar, 00:10");
    assert_eq!(moment(utc("2025-03-01 23:10"), Tz::UTC, now), "1 Mar 2025, 23:10");
    assert_eq!(distance(utc("2026-03-02 10:01"), now), "in 1 minute");
    assert_eq!(distance(utc("2026-03-02 08:01"), now), "119 minutes ago");
    assert_eq!(distance(utc("2026-02-28 10:00"), now), "2 days ago");
    assert_eq!(distance(now, now), "in less than a minute");
    assert_eq!(span(Duration::from_secs(7200)), "2 hours");
}

#[tokio::test]
async fn half_open_requests_are_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let running = Running::start(None).await;
    let address = running.address.trim_start_matches("http://").to_owned();
    let mut open = Vec::new();
    for _ in 0..300 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a").await.unwrap();
        open.push(stream);
    }
    assert_eq!(running.get("/healthz").await.status(), 200);
    for mut stream in open {
        let mut answer = Vec::new();
        // The server may have closed it without reading our bytes.
        let closed = stream.read_to_end(&mut answer);
        let closed = tokio::time::timeout(Duration::from_secs(60), closed).await;
        assert!(closed.is_ok(), "an unfinished request holds its connection");
    }
}
