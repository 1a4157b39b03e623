//! The chain of API calls and its failures.

use std::time::{Duration, Instant};

use chrono_tz::Tz;
use nocturne::replicate::backup::BackupSource;
use nocturne::replicate::backup::scalingo::Choice;
use nocturne::server::Retry;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::files::{Files, Served};
use crate::host::{
    ADDON, EXCHANGE, Host, addons_path, archive_path, assert_no_secret, backup, backups_path,
    client_of, now, token_path, told,
};

const TODAY: Choice = Choice::Today(Tz::UTC);

fn week() -> Vec<serde_json::Value> {
    vec![
        backup("5f3", "2024-05-02T00:00:12Z", "done", Some(5)),
        backup("5f4", "2024-05-02T03:00:00Z", "running", None),
        backup("5f1", "2024-04-30T00:00:12Z", "done", Some(3)),
        backup("5f2", "2024-05-01T00:00:12Z", "done", Some(4)),
    ]
}

#[tokio::test]
async fn newest_backup_of_today_downloads_without_a_token() {
    let files = Files::serve(Served::new("bytes"));
    let host = Host::with(week(), &files.url("/x.tar.gz")).await;
    let found = host.source(TODAY).find(now()).await.unwrap();
    assert_eq!(found.id, "5f3");
    assert_eq!(found.name, "20240502000012_pix_api_4553.tar.gz");
    assert_eq!(found.size, Some(5));
    assert_eq!(
        found.to_string(),
        "20240502000012_pix_api_4553.tar.gz, backup 5f3 of 2024-05-02 00:00:12 UTC, 5 B"
    );
    let mut download = found.start(Default::default()).unwrap();
    assert_eq!(download.next().await.unwrap().as_deref(), Some(&b"bytes"[..]));
    assert_eq!(download.next().await.unwrap(), None);
    let asked = files.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("authorization"), None);
    assert_eq!(host.count(EXCHANGE).await, 1, "tokens are cached");
    assert_eq!(host.count(&token_path()).await, 1);
    assert_no_secret(&format!("{found:?} {:?}", host.source(TODAY)));
}

#[tokio::test]
async fn another_backup_can_be_requested() {
    let host = Host::with(week(), "http://nowhere").await;
    let id = |choice: Choice| {
        let source = host.source(choice);
        async move { source.find(now()).await.map(|found| found.id).map_err(|e| told(&e)) }
    };
    assert_eq!(id(Choice::Id("5f1".to_owned())).await.as_deref(), Ok("5f1"));
    let error = id(Choice::Id("5f4".to_owned())).await.unwrap_err();
    assert!(error.contains("backup has not finished: 5f4 of 2024-05-02 03:00:00 UTC"), "{error}");
    let error = id(Choice::Id("5ff".to_owned())).await.unwrap_err();
    assert!(error.contains("backup 5ff does not exist; the newest of 4 is 5f4"), "{error}");
}

#[tokio::test]
async fn day_without_backup_lists_others_and_is_transient() {
    let running = backup("5f4", "2024-05-02T03:00:00Z", "running", None);
    let host = Host::with(vec![running, week().remove(3)], "http://nowhere").await;
    let error = host.source(TODAY).find(now()).await.unwrap_err();
    assert_ne!(error.retry(), Retry::Never);
    assert_eq!(
        told(&error),
        "the app pix-api-production has no backup to restore: no backup from today (2024-05-02, \
         UTC) has finished; the newest is 5f4 of 2024-05-02 03:00:00 UTC (2h 10min 0s old), \
         running; the newest finished one is 5f2 of 2024-05-01 00:00:12 UTC (29h 9min 48s old), \
         done"
    );
    assert_eq!(host.source(Choice::AnyDay).find(now()).await.unwrap().id, "5f2");
}

#[tokio::test]
async fn named_database_is_used_among_several() {
    let host = Host::silent().await;
    host.exchange(3600).await;
    let database = |id: &str| json!({"id": id, "addon_provider": {"id": "postgresql"}});
    host.addons(json!([database("ad-other"), database(ADDON)])).await;
    host.addon_token().await;
    host.get(&backups_path(), json!({"database_backups": week()})).await;
    let uri = host.server.uri();
    let source = |addon| BackupSource::Scalingo { client: client_of(&uri, addon), choice: TODAY };
    assert_eq!(source(Some(ADDON)).find(now()).await.unwrap().id, "5f3");
    let error = source(None).find(now()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Never);
    assert!(told(&error).contains("several PostgreSQL add-ons; choose one with --addon"));
}

#[tokio::test]
async fn app_without_any_backup_is_reported() {
    let host = Host::with(vec![], "http://nowhere").await;
    let error = host.source(Choice::AnyDay).find(now()).await.unwrap_err();
    assert!(told(&error).ends_with("there are no backups"));
    assert_ne!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn rejected_token_is_renewed_once() {
    for (refused, renewed) in [(backups_path(), token_path()), (addons_path(), EXCHANGE.to_owned())]
    {
        let host = Host::with(week(), "http://nowhere").await;
        let answer = ResponseTemplate::new(401).set_body_json(json!({"error": "token expired"}));
        host.instead(&refused, answer, Some(1)).await;
        assert_eq!(host.source(TODAY).find(now()).await.unwrap().id, "5f3");
        assert_eq!(host.count(&renewed).await, 2, "{refused}");
        let requests = host.server.received_requests().await.unwrap();
        let tokens: Vec<_> = requests
            .iter()
            .filter(|request| request.url.path() == refused)
            .map(|request| request.headers["authorization"].clone())
            .collect();
        assert!(tokens.len() == 2 && tokens[0] != tokens[1], "{refused}");
    }
}

#[tokio::test]
async fn token_rejected_twice_is_a_permanent_error() {
    let host = Host::with(week(), "http://nowhere").await;
    let answer = ResponseTemplate::new(401).set_body_json(json!({"error": "no"}));
    host.instead(&backups_path(), answer, None).await;
    let error = host.source(TODAY).find(now()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Never);
    let text = told(&error);
    assert!(text.contains("cannot list the backups: http://127.0.0.1:"), "{text}");
    assert!(text.ends_with("/backups: 401 Unauthorized (no)"), "{text}");
    assert_eq!(host.count(&backups_path()).await, 2);
}

#[tokio::test]
async fn expired_token_is_renewed_before_use() {
    let host = Host::silent().await;
    host.exchange(0).await;
    host.addons(json!([{"id": ADDON, "addon_provider": {"id": "postgresql"}}])).await;
    host.addon_token().await;
    host.get(&backups_path(), json!({"database_backups": week()})).await;
    assert_eq!(host.source(TODAY).find(now()).await.unwrap().id, "5f3");
    // One for the list of add-ons, one for the add-on's token.
    assert_eq!(host.count(EXCHANGE).await, 2);
}

#[tokio::test]
async fn wrong_api_token_error_explains_the_fix() {
    let host = Host::with(week(), "http://nowhere").await;
    let answer = ResponseTemplate::new(401).set_body_json(json!({"error": "Invalid token"}));
    host.instead(EXCHANGE, answer, None).await;
    let error = host.source(TODAY).find(now()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Never);
    let text = told(&error);
    assert!(text.starts_with("cannot exchange the API token: http://127.0.0.1:"), "{text}");
    assert!(
        text.ends_with("(Invalid token); check that SCALINGO_API_TOKEN is correct and not revoked")
    );
    assert_eq!(host.count(EXCHANGE).await, 1, "it is not retried");
}

#[tokio::test]
async fn permanent_refusal_is_not_retried() {
    for (status, body, message) in [
        (403, json!({"error": "Forbidden", "code": "collaborator"}), "(Forbidden)"),
        (404, json!({"resource": "app", "error": "not found"}), "(not found)"),
        (422, json!({"errors": {"app": ["is bad"]}}), r#"({"app":["is bad"]})"#),
    ] {
        let host = Host::with(week(), "http://nowhere").await;
        let answer = ResponseTemplate::new(status).set_body_json(body);
        host.instead(&addons_path(), answer, None).await;
        let error = host.source(TODAY).find(now()).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Never, "{status}");
        let text = told(&error);
        assert!(text.contains("list the app's add-ons") && text.contains(message), "{text}");
        assert_eq!(host.count(&addons_path()).await, 1, "{status}");
    }
}

#[tokio::test]
async fn rate_limit_waits_for_the_requested_time() {
    let host = Host::with(week(), "http://nowhere").await;
    let answer = ResponseTemplate::new(429)
        .insert_header("retry-after", "1")
        .set_body_string("Retry later\n");
    host.instead(&backups_path(), answer, Some(1)).await;
    let start = Instant::now();
    assert_eq!(host.source(TODAY).find(now()).await.unwrap().id, "5f3");
    assert!(start.elapsed() >= Duration::from_secs(1), "the requested pause was too short");
    assert_eq!(host.count(&backups_path()).await, 2);
}

#[tokio::test]
async fn server_errors_are_retried() {
    let host = Host::with(week(), "http://nowhere").await;
    let page = "<html><body>502 Bad Gateway</body></html>";
    let answer = || ResponseTemplate::new(502).set_body_string(page);
    host.instead(&backups_path(), answer(), Some(2)).await;
    host.instead(EXCHANGE, answer(), Some(3)).await;
    assert_eq!(host.source(TODAY).find(now()).await.unwrap().id, "5f3");
    assert_eq!(host.count(&backups_path()).await, 3);
    assert_eq!(host.count(EXCHANGE).await, 4);
}

#[tokio::test]
async fn persistent_server_error_is_reported_as_transient() {
    let host = Host::with(week(), "http://nowhere").await;
    let answer = ResponseTemplate::new(503).set_body_string("Retry later");
    host.instead(&token_path(), answer, None).await;
    let error = host.source(TODAY).find(now()).await.unwrap_err();
    assert_ne!(error.retry(), Retry::Never);
    let text = told(&error);
    assert!(text.starts_with("cannot get a token of the database's add-on: http://"), "{text}");
    assert!(text.ends_with("/token: 503 Service Unavailable (Retry later)"), "{text}");
    assert_eq!(host.count(&token_path()).await, 4, "the first one and three more");
}

#[tokio::test]
async fn unreachable_api_is_reported_as_transient() {
    crate::log::collect();
    // An unused port: it is outside the range that the system assigns.
    let uri = "http://127.0.0.1:1";
    let source = BackupSource::Scalingo { client: client_of(uri, None), choice: TODAY };
    let error = source.find(now()).await.unwrap_err();
    assert_ne!(error.retry(), Retry::Never);
    let text = told(&error);
    let start = format!("cannot exchange the API token: {uri}/v1/tokens/exchange: no response: ");
    assert!(text.starts_with(&start), "{text}");
}

#[tokio::test]
async fn malformed_answer_is_reported_without_its_text() {
    for (body, what) in [
        (r#"{"token": {"bearer-secret": 1}}"#, "wrong structure at line 1 column 10"),
        ("<html>bearer-secret", "not JSON at line 1 column 1"),
    ] {
        let host = Host::with(week(), "http://nowhere").await;
        host.instead(EXCHANGE, ResponseTemplate::new(200).set_body_string(body), None).await;
        let text = told(&host.source(TODAY).find(now()).await.unwrap_err());
        assert!(text.ends_with(&format!("unexpected response ({what})")), "{text}");
    }
}

#[tokio::test]
async fn unavailable_backup_address_is_reported_by_the_download() {
    let host = Host::with(week(), "http://nowhere").await;
    let answer = ResponseTemplate::new(404).set_body_json(json!({"error": "no archive"}));
    host.instead(&archive_path("5f3"), answer, None).await;
    let found = host.source(TODAY).find(now()).await.unwrap();
    let error = found.open().await.unwrap_err();
    let text = told(&error);
    assert!(text.contains("cannot get the address of the backup: http://"), "{text}");
    assert!(text.ends_with("404 Not Found (no archive)"), "{text}");
}
