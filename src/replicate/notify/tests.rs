//! Webhooks that respond, refuse, are slow, or do not exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, TimeZone, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;
use crate::replicate::stages::Stage;
use crate::replicate::worker::{
    BackupRecord, RunOutcome, RunRecord, StageName, StageRecord, StageState, Trigger,
};

/// A run of an hour and a half that succeeded on the second attempt.
fn record() -> RunRecord {
    let started = Utc.with_ymd_and_hms(2026, 3, 2, 5, 10, 0).unwrap();
    let at = |minutes| started + TimeDelta::minutes(minutes);
    let stage = |attempt, name, from, to, state, rows| StageRecord {
        name,
        attempt,
        started: at(from),
        ended: Some(at(to)),
        state,
        rows,
        bytes: 10 * rows,
    };
    RunRecord {
        id: "20260302T051000Z-0a1b2c3d".to_owned(),
        app: Some("pix-datawarehouse".to_owned()),
        mode: "full".to_owned(),
        version: "0.1.0".to_owned(),
        trigger: Trigger::Schedule,
        scheduled: Some(started),
        schedule: Some("10 5 * * * UTC".to_owned()),
        started,
        ended: Some(at(90)),
        outcome: RunOutcome::Succeeded,
        attempts: 2,
        stages: vec![
            stage(1, StageName::Known(Stage::Restore), 0, 10, StageState::Failed, 7),
            stage(2, StageName::Known(Stage::Restore), 25, 85, StageState::Done, 1200),
            stage(2, StageName::Known(Stage::Incremental), 85, 90, StageState::Done, 34),
        ],
        backup: Some(BackupRecord {
            id: "5f1".to_owned(),
            created: Some(at(-210)),
            bytes: Some(29_000_000_000),
            sha256: Some("0f".repeat(32)),
        }),
        entries: None,
        restored_by: None,
        delta: None,
        not_restored: Vec::new(),
        error: None,
        report: None,
    }
}

fn quick() -> Patience {
    Patience { timeout: Duration::from_secs(20), tries: 3, wait: Duration::from_millis(1) }
}

fn notifier(webhooks: Vec<Webhook>) -> Notifier {
    Notifier::new(webhooks, quick()).unwrap()
}

fn webhook(server: &MockServer, at: &str) -> Webhook {
    Webhook::new(&format!("{}{at}", server.uri()), None).unwrap()
}

#[tokio::test]
async fn webhook_receives_the_summary_and_its_token() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/hook"))
        .and(header("authorization", "Bearer word-1"))
        .and(header("content-type", "application/json"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let url = format!("{}/hook?key=2", server.uri());
    let webhook = Webhook::new(&url, Some(SecretString::from("word-1"))).unwrap();
    assert_eq!(notifier(vec![webhook]).tell(&record()).await, 1);

    let request = server.received_requests().await.unwrap().remove(0);
    assert_eq!(request.url.query(), Some("key=2"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body["text"],
        "nocturne (pix-datawarehouse): run succeeded after 1h 30min 0s and 2 attempts, 1,234 rows"
    );
    assert_eq!(body["status"], "succeeded");
    assert_eq!(body["trigger"], "schedule");
    assert_eq!(body["started"], "2026-03-02T05:10:00Z");
    assert_eq!(body["duration_ms"], 5_400_000);
    assert_eq!(body["rows"], 1234);
    assert_eq!(body["bytes"], 12_340);
    assert_eq!(body["backup"]["id"], "5f1");
    assert_eq!(body["backup"]["sha256"], "0f".repeat(32));
    assert_eq!(body["backup_age_seconds"], 18_000);
    assert_eq!(body["stages"][1]["name"], "restore");
    assert_eq!(body["stages"][1]["state"], "done");
    assert_eq!(body["error"], Value::Null);
}

#[tokio::test]
async fn failure_is_sent_with_its_reason() {
    let run = RunRecord {
        outcome: RunOutcome::Failed,
        error: Some("no backup of today".to_owned()),
        ..record()
    };
    let body = serde_json::to_value(Message::of(&run)).unwrap();
    assert_eq!(body["status"], "failed");
    assert_eq!(body["error"], "no backup of today");
    let text = body["text"].as_str().unwrap();
    assert!(text.ends_with("after 1h 30min 0s and 2 attempts: no backup of today"), "{text}");
    let missed = RunRecord { outcome: RunOutcome::Missed, app: None, ..run };
    assert_eq!(json!(Message::of(&missed))["text"], "nocturne: no backup of today");
}

#[tokio::test]
async fn unreachable_webhook_does_not_affect_others() {
    let server = MockServer::start().await;
    Mock::given(path("/refuses"))
        .respond_with(ResponseTemplate::new(403))
        // A 403 is not retried.
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/broken"))
        .respond_with(ResponseTemplate::new(500))
        .expect(3)
        .mount(&server)
        .await;
    Mock::given(path("/well"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let gone = Webhook::new("http://127.0.0.1:9/", None).unwrap();
    let webhooks = vec![
        gone,
        webhook(&server, "/refuses"),
        webhook(&server, "/broken"),
        webhook(&server, "/well"),
    ];
    assert_eq!(notifier(webhooks).tell(&record()).await, 1);
}

/// Fails a number of times, then succeeds.
struct Recovers {
    failures: usize,
    asked: Arc<AtomicUsize>,
}

impl Respond for Recovers {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        ResponseTemplate::new(if before < self.failures { 503 } else { 200 })
    }
}

#[tokio::test]
async fn recovered_webhook_is_notified_once() {
    let server = MockServer::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let recovers = Recovers { failures: 2, asked: Arc::clone(&asked) };
    Mock::given(method("POST")).respond_with(recovers).mount(&server).await;
    assert_eq!(notifier(vec![webhook(&server, "/")]).tell(&record()).await, 1);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn slow_webhook_times_out() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    Mock::given(method("POST")).respond_with(slow).mount(&server).await;
    let patience = Patience { timeout: Duration::from_millis(50), tries: 2, ..quick() };
    let notifier = Notifier::new(vec![webhook(&server, "/")], patience).unwrap();
    assert_eq!(notifier.tell(&record()).await, 0);
}

#[tokio::test]
async fn redirect_is_not_followed_with_the_token() {
    let server = MockServer::start().await;
    let elsewhere = format!("{}/elsewhere", server.uri());
    Mock::given(path("/hook"))
        .respond_with(ResponseTemplate::new(307).insert_header("location", elsewhere))
        .mount(&server)
        .await;
    Mock::given(path("/elsewhere"))
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    assert_eq!(notifier(vec![webhook(&server, "/hook")]).tell(&record()).await, 0);
}

#[tokio::test]
async fn error_shows_neither_path_nor_query() {
    let address = "http://127.0.0.1:9/word-1?word-2";
    let webhook = Webhook::new(address, Some(SecretString::from("word-3"))).unwrap();
    let error = notifier(Vec::new()).send(&webhook, Vec::new()).await.unwrap_err();
    let shown = format!("{} {error:?}", crate::error::chain(&error));
    assert!(shown.contains("no response") && !shown.contains("word-"), "{shown}");
}
