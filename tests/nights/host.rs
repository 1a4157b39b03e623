//! The host's API, in the shapes that its clients and its documentation show.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Timelike, Utc};
use nocturne::replicate::backup::BackupSource;
use nocturne::replicate::backup::scalingo::{
    ApiPatience, Choice, Client, Endpoints, ScalingoOptions,
};
use nocturne::source::Address;
use nocturne::source::remote::DownloadOptions;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::common::secrets;

pub const API_TOKEN: &str = "tk-us-secret-api-token";
/// `:tk-us-secret-api-token`
pub const BASIC: &str = "Basic OnRrLXVzLXNlY3JldC1hcGktdG9rZW4=";
pub const APP: &str = "pix-api-production";
pub const ADDON: &str = "ad-11111111-2222-3333-4444-555555555555";
/// The signature prefix in signed addresses; a number follows.
pub const SIGNATURE: &str = "secret-signature";

/// Everything that must never appear in any output.
pub const SECRETS: [&str; 5] =
    [API_TOKEN, SIGNATURE, "bearer-secret", "addon-secret", "OnRrLXVzLXNlY3JldC"];

pub const EXCHANGE: &str = "/v1/tokens/exchange";

pub fn addons_path() -> String {
    format!("/v1/apps/{APP}/addons")
}

pub fn token_path() -> String {
    format!("/v1/apps/{APP}/addons/{ADDON}/token")
}

pub fn backups_path() -> String {
    format!("/api/databases/{ADDON}/backups")
}

pub fn archive_path(backup: &str) -> String {
    format!("/api/databases/{ADDON}/backups/{backup}/archive")
}

pub fn now() -> DateTime<Utc> {
    "2024-05-02T05:10:00Z".parse().unwrap()
}

/// A backup as an item of the list.
pub fn backup(id: &str, created: &str, status: &str, size: Option<usize>) -> Value {
    json!({
        "id": id, "created_at": created, "started_at": null, "status": status, "size": size,
        "name": format!("{}_pix_api_4553", created.replace(['-', ':', 'T', 'Z'], "")),
        "database_id": "5f0c0ffee", "method": "periodic"
    })
}

/// A token issued now with this lifetime.
fn jwt(name: &str, lifetime: u64) -> String {
    let claims = json!({"jti": name, "iat": 1_700_000_000, "exp": 1_700_000_000 + lifetime});
    let claims = claims.to_string();
    // Base64 with the URL alphabet.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in claims.as_bytes().chunks(3) {
        let mut bits = [0; 4];
        bits[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bits);
        for digit in 0..=group.len() {
            text.push(char::from(alphabet[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    format!("{name}.{text}.sig")
}

/// Answers with each in turn, then keeps repeating the last one.
pub struct InTurn {
    answers: Vec<ResponseTemplate>,
    next: AtomicUsize,
}

impl InTurn {
    pub fn new(answers: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        Self { answers: answers.into_iter().collect(), next: AtomicUsize::new(0) }
    }
}

impl Respond for InTurn {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let next = self.next.fetch_add(1, Ordering::SeqCst);
        self.answers[next.min(self.answers.len() - 1)].clone()
    }
}

/// The API.
pub struct Host {
    pub server: MockServer,
}

impl Host {
    /// The API without any answers.
    pub async fn silent() -> Self {
        crate::log::collect();
        SECRETS.into_iter().for_each(secrets::hand_out);
        Self { server: MockServer::start().await }
    }

    /// The API of an app with these backups, whose archives are downloaded from this address. Every
    /// token differs and is accepted only for its own purpose.
    pub async fn with(backups: Vec<Value>, archive: &str) -> Self {
        let host = Self::silent().await;
        host.exchange(3600).await;
        host.addons(json!([
            {"id": "ad-0", "status": "running", "addon_provider": {"id": "redis", "name": "Redis"}},
            {"id": ADDON, "app_id": "5f", "resource_id": "pix_api_4553", "status": "running",
             "plan": {"name": "postgresql-business-4096"},
             "addon_provider": {"id": "postgresql", "name": "PostgreSQL"}}
        ]))
        .await;
        host.addon_token().await;
        host.get(&backups_path(), json!({"database_backups": backups})).await;
        host.archives(archive).await;
        host
    }

    pub async fn exchange(&self, lifetime: u64) {
        let answers = (1..10).map(|number| {
            let token = jwt(&format!("bearer-secret-{number}"), lifetime);
            ResponseTemplate::new(200).set_body_json(json!({"token": token}))
        });
        Mock::given(method("POST"))
            .and(path(EXCHANGE))
            .and(header("authorization", BASIC))
            .respond_with(InTurn::new(answers))
            .mount(&self.server)
            .await;
    }

    pub async fn addons(&self, addons: Value) {
        Mock::given(method("GET"))
            .and(path(addons_path()))
            .and(has_bearer("bearer-secret"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"addons": addons})))
            .mount(&self.server)
            .await;
    }

    pub async fn addon_token(&self) {
        let answers = (1..10).map(|number| {
            let token = jwt(&format!("addon-secret-{number}"), 3600);
            let body = json!({"addon": {"id": ADDON, "token": token}});
            ResponseTemplate::new(200).set_body_json(body)
        });
        Mock::given(method("POST"))
            .and(path(token_path()))
            .and(has_bearer("bearer-secret"))
            .respond_with(InTurn::new(answers))
            .mount(&self.server)
            .await;
    }

    /// Answers only with the add-on's token.
    pub async fn get(&self, at: &str, body: Value) {
        Mock::given(method("GET"))
            .and(path(at))
            .and(has_bearer("addon-secret"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&self.server)
            .await;
    }

    /// Every request for an archive gets a freshly signed address.
    async fn archives(&self, address: &str) {
        let answers = (1..20).map(|number| {
            let url = format!("{address}?signature={SIGNATURE}-{number}");
            ResponseTemplate::new(200).set_body_json(json!({"download_url": url}))
        });
        Mock::given(method("GET"))
            .and(wiremock::matchers::path_regex("^/api/databases/ad-[^/]*/backups/[^/]*/archive$"))
            .and(has_bearer("addon-secret"))
            .respond_with(InTurn::new(answers))
            .mount(&self.server)
            .await;
    }

    /// An answer that precedes the normal ones: `count` times, or always.
    pub async fn instead(&self, at: &str, answer: ResponseTemplate, count: Option<u64>) {
        let mock = Mock::given(path(at)).respond_with(answer).with_priority(1);
        let mock = match count {
            Some(count) => mock.up_to_n_times(count),
            None => mock,
        };
        mock.mount(&self.server).await;
    }

    /// How often this path was requested.
    pub async fn count(&self, at: &str) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().filter(|request| request.url.path() == at).count()
    }

    pub fn source(&self, choice: Choice) -> BackupSource {
        BackupSource::Scalingo { client: client_of(&self.server.uri(), None), choice }
    }

    /// The variables that point a program here.
    pub fn variables(&self) -> [(&'static str, String); 6] {
        [
            ("SCHEDULE_TIMEZONE", zone_of_midday()),
            ("SCALINGO_APP", APP.to_owned()),
            ("SCALINGO_API_TOKEN", API_TOKEN.to_owned()),
            ("SCALINGO_AUTH_URL", self.server.uri()),
            ("SCALINGO_API_URL", self.server.uri()),
            ("SCALINGO_DB_URL", self.server.uri()),
        ]
    }
}

/// A zone in which it is about noon, so that a backup made now stays today's for hours.
fn zone_of_midday() -> String {
    match 12 - i64::from(Utc::now().hour()) {
        // POSIX signs: hours west of Greenwich.
        east @ 1.. => format!("Etc/GMT-{east}"),
        west => format!("Etc/GMT+{}", -west),
    }
}

/// A client of the app, for an API at this address.
pub fn client_of(uri: &str, addon: Option<&str>) -> Arc<Client> {
    let address = Address::parse(uri).unwrap();
    let options = ScalingoOptions {
        app: APP.to_owned(),
        token: API_TOKEN.into(),
        addon: addon.map(str::to_owned),
        endpoints: Endpoints { auth: address.clone(), api: address.clone(), database_api: address },
        patience: ApiPatience {
            retries: 3,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(2),
            ..Default::default()
        },
    };
    Arc::new(Client::new(options).unwrap())
}

/// Whether the request has a bearer token of this kind.
fn has_bearer(kind: &'static str) -> impl Fn(&Request) -> bool + Send + Sync {
    move |request: &Request| {
        let value = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.starts_with(&format!("Bearer {kind}")))
    }
}

/// Few attempts and short pauses, for servers that are broken on purpose. Silence never breaks
/// them: the test machine may be arbitrarily slow.
pub fn hasty() -> DownloadOptions {
    DownloadOptions {
        idle: Duration::from_secs(120),
        tries: 3,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(2),
        ..Default::default()
    }
}

/// The error and its causes, as reported.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    assert_no_secret(&text);
    assert_no_secret(&format!("{error:?}"));
    text
}

/// No secret of the host is in this text or in any log line.
pub fn assert_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
        let log = crate::log::text();
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} in a log line");
    }
}
