//! One call of the API, with retries.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use chrono::Utc;
use reqwest::header::ACCEPT;
use reqwest::{Method, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::{ApiError, Step};
use crate::source::remote::{Address, retry_after};

/// The longest answer that is read: a list of a hundred backups has some 30 KiB.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// The longest message of the API that is shown, in characters.
const MAX_MESSAGE: usize = 200;

/// How patient the API's client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiPatience {
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long a call may take.
    pub timeout: Duration,
    /// How often a call is tried again.
    pub retries: usize,
    /// The pause before the first of those; it doubles from one to the next.
    pub first_pause: Duration,
    /// The longest pause, unless the API asks for more.
    pub longest_pause: Duration,
}

impl Default for ApiPatience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            retries: 5,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// What is asked.
pub(super) struct Call {
    pub(super) step: Step,
    pub(super) method: Method,
    pub(super) address: Address,
}

impl Call {
    /// A call of a path below a base address.
    pub(super) fn new(step: Step, method: Method, base: &Address, path: &[&str]) -> Self {
        let mut url: Url = base.expose().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        // A path does not change what makes a URL an address.
        let address = Address::try_from(url).unwrap_or_else(|_| base.clone());
        Self { step, method, address }
    }
}

/// How the caller shows who it is.
#[derive(Clone, Copy)]
pub(super) enum Credentials<'a> {
    /// An API token, as a password without a user.
    ApiToken(&'a SecretString),
    /// A bearer token.
    Bearer(&'a SecretString),
}

/// The API, whichever server of it.
pub(super) struct Api {
    client: reqwest::Client,
    patience: ApiPatience,
}

impl Api {
    pub(super) fn new(client: reqwest::Client, patience: ApiPatience) -> Self {
        Self { client, patience }
    }

    /// Makes a call, again and again while its failure is one that passes.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        call: &Call,
        credentials: Credentials<'_>,
    ) -> Result<T, ApiError> {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(self.patience.first_pause)
            .with_max_delay(self.patience.longest_pause)
            .with_max_times(self.patience.retries)
            .with_jitter();
        (|| self.once(call, credentials))
            .retry(pauses)
            .when(ApiError::is_passing)
            .adjust(|error, pause| {
                pause.map(|pause| pause.max(error.retry_after().unwrap_or_default()))
            })
            .notify(|error, pause| {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, ?pause, "the host's API did not answer, trying again");
            })
            .await
    }

    async fn once<T: DeserializeOwned>(
        &self,
        call: &Call,
        credentials: Credentials<'_>,
    ) -> Result<T, ApiError> {
        let Call { step, address, .. } = call;
        let (step, address) = (*step, || address.clone());
        let unreachable = |error: reqwest::Error| ApiError::Unreachable {
            step,
            address: address(),
            source: error.without_url(),
        };
        let unreadable = |what: String| ApiError::Unreadable { step, address: address(), what };
        let request = self
            .client
            .request(call.method.clone(), call.address.expose().clone())
            .header(ACCEPT, "application/json")
            .timeout(self.patience.timeout);
        let request = match credentials {
            Credentials::ApiToken(token) => request.basic_auth("", Some(token.expose_secret())),
            Credentials::Bearer(token) => request.bearer_auth(token.expose_secret()),
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let retry_after = retry_after(response.headers(), Utc::now());
        let body = body(response).await.map_err(unreachable)?;
        if !status.is_success() {
            let message = message(&body.unwrap_or_default(), credentials);
            return Err(ApiError::Refused {
                step,
                address: address(),
                status,
                message,
                retry_after,
            });
        }
        let body = body.ok_or_else(|| unreadable(format!("longer than {MAX_ANSWER} bytes")))?;
        serde_json::from_slice(&body).map_err(|error| {
            // Its own text repeats values.
            let kind = if error.is_data() { "another shape" } else { "no JSON" };
            unreadable(format!("{kind}, at line {} column {}", error.line(), error.column()))
        })
    }
}

/// All of an answer; none if it is too long.
async fn body(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        if body.len() + bytes.len() > MAX_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&bytes);
    }
    Ok(Some(body))
}

/// The forms of a refusal: 400, 401, 403 and 404 have `error`, 422 has `errors` by field.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: Option<String>,
    errors: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What the API says about a refusal, in one line in brackets; nothing if it says nothing, or has a
/// page for browsers.
fn message(body: &[u8], credentials: Credentials<'_>) -> String {
    let text = match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { error: Some(error), .. }) => error,
        Ok(Refusal { errors: Some(errors), .. }) => serde_json::Value::Object(errors).to_string(),
        Ok(_) => String::new(),
        // 429 says "Retry later" as plain text.
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let secret = match credentials {
        Credentials::ApiToken(token) | Credentials::Bearer(token) => token.expose_secret(),
    };
    // It has no reason to repeat a token, but then it must not get further.
    let text = if secret.is_empty() { text } else { text.replace(secret, "…") };
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.chars().count() {
        0 => String::new(),
        _ if line.starts_with('<') => String::new(),
        1..=MAX_MESSAGE => format!(" ({line})"),
        _ => format!(" ({}…)", line.chars().take(MAX_MESSAGE).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> String {
        message(body.as_bytes(), Credentials::Bearer(&SecretString::from("word-1")))
    }

    #[test]
    fn a_refusal_is_told_in_the_api_s_words() {
        assert_eq!(told(r#"{"error":"not found","resource":"app"}"#), " (not found)");
        assert_eq!(told(r#"{"errors":{"app":["is bad"]}}"#), r#" ({"app":["is bad"]})"#);
        assert_eq!(told("Retry later\n"), " (Retry later)");
        for nothing in ["", "{}", "<html><body>502</body></html>"] {
            assert_eq!(told(nothing), "", "{nothing}");
        }
        assert_eq!(told(&"é".repeat(500)).chars().count(), MAX_MESSAGE + 4);
    }

    #[test]
    fn a_token_that_is_repeated_is_not_told() {
        assert_eq!(told(r#"{"error":"invalid token word-1"}"#), " (invalid token …)");
    }

    #[test]
    fn a_path_is_put_below_the_base_and_escaped() {
        let base = Address::parse("https://h/prefix/").unwrap();
        let call = Call::new(Step::Addons, Method::GET, &base, &["v1", "apps", "a/b?c", "addons"]);
        assert_eq!(call.address.to_string(), "https://h/prefix/v1/apps/a%2Fb%3Fc/addons");
    }
}
