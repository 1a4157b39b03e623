//! One call of the API, with retries.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use chrono::Utc;
use reqwest::header::ACCEPT;
use reqwest::{Method, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::{ApiError, ApiStep};
use crate::source::remote::{Address, retry_after};

/// The longest response that is read: a list of a hundred backups has about 30 KiB.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// The longest part of an API message that is shown, in characters.
const MAX_MESSAGE: usize = 200;

/// Timeouts and retries of the API client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiPatience {
    /// Timeout of connecting.
    pub connect: Duration,
    /// Timeout of a call.
    pub timeout: Duration,
    /// How often a call is retried.
    pub retries: usize,
    /// The pause before the first retry; it doubles with each retry.
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

/// A call to make.
pub(super) struct Call {
    pub(super) step: ApiStep,
    pub(super) method: Method,
    pub(super) address: Address,
}

impl Call {
    /// A call of a path below a base address.
    pub(super) fn new(step: ApiStep, method: Method, base: &Address, path: &[&str]) -> Self {
        let mut url: Url = base.expose().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        // A path cannot make a valid address invalid.
        let address = Address::try_from(url).unwrap_or_else(|_| base.clone());
        Self { step, method, address }
    }
}

/// How a call is authenticated.
#[derive(Clone, Copy)]
pub(super) enum Credentials<'a> {
    /// An API token, as a password without a user.
    ApiToken(&'a SecretString),
    /// A bearer token.
    Bearer(&'a SecretString),
}

/// The API; one client for all its servers.
pub(super) struct Api {
    client: reqwest::Client,
    patience: ApiPatience,
}

impl Api {
    pub(super) fn new(client: reqwest::Client, patience: ApiPatience) -> Self {
        Self { client, patience }
    }

    /// Makes a call, and retries it after temporary errors.
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
                tracing::warn!(error, ?pause, "call of Scalingo's API failed, retrying");
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
            // serde's message repeats values, which may be secret.
            let kind = if error.is_data() { "wrong structure" } else { "not JSON" };
            unreadable(format!("{kind} at line {} column {}", error.line(), error.column()))
        })
    }
}

/// The whole response body; `None` if it is too long.
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

/// The body of an error response: 400, 401, 403 and 404 have `error`, 422 has `errors` by field.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: Option<String>,
    errors: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The message of an error response, on one line in parentheses; empty if there is none, or if it
/// is an HTML page.
fn message(body: &[u8], credentials: Credentials<'_>) -> String {
    let text = match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { error: Some(error), .. }) => error,
        Ok(Refusal { errors: Some(errors), .. }) => serde_json::Value::Object(errors).to_string(),
        Ok(_) => String::new(),
        // 429 responds "Retry later" as plain text.
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let secret = match credentials {
        Credentials::ApiToken(token) | Credentials::Bearer(token) => token.expose_secret(),
    };
    // The API should never repeat a token; if it does, the token must not be shown.
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
    fn refusal_shows_the_message_of_the_api() {
        assert_eq!(told(r#"{"error":"not found","resource":"app"}"#), " (not found)");
        assert_eq!(told(r#"{"errors":{"app":["is bad"]}}"#), r#" ({"app":["is bad"]})"#);
        assert_eq!(told("Retry later\n"), " (Retry later)");
        for nothing in ["", "{}", "<html><body>502</body></html>"] {
            assert_eq!(told(nothing), "", "{nothing}");
        }
        assert_eq!(told(&"é".repeat(500)).chars().count(), MAX_MESSAGE + 4);
    }

    #[test]
    fn token_repeated_by_the_api_is_masked() {
        assert_eq!(told(r#"{"error":"invalid token word-1"}"#), " (invalid token …)");
    }

    #[test]
    fn path_is_escaped_and_appended_to_the_base() {
        let base = Address::parse("https://h/prefix/").unwrap();
        let call =
            Call::new(ApiStep::Addons, Method::GET, &base, &["v1", "apps", "a/b?c", "addons"]);
        assert_eq!(call.address.to_string(), "https://h/prefix/v1/apps/a%2Fb%3Fc/addons");
    }
}
