//! Sends summaries to webhooks.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures::future::join_all;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};

use super::message::Message;
use super::webhook::Webhook;
use crate::error::chain;
use crate::http::{self, ClientError};
use crate::replicate::worker::RunRecord;

/// Timeouts and retries of webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Timeout of one attempt.
    pub timeout: Duration,
    /// Number of attempts, including the first.
    pub tries: usize,
    /// The wait before the second attempt, at most doubled at random; it doubles with each attempt.
    pub wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), tries: 3, wait: Duration::from_secs(2) }
    }
}

/// Why a notification failed.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The webhook did not respond.
    #[error("no response")]
    Http(#[source] reqwest::Error),
    /// It did not respond with success.
    #[error("HTTP status {0}")]
    Status(StatusCode),
}

impl NotifyError {
    /// Whether a retry may succeed.
    fn is_passing(&self) -> bool {
        match self {
            Self::Http(_) => true,
            Self::Status(status) => {
                status.is_server_error()
                    || *status == StatusCode::TOO_MANY_REQUESTS
                    || *status == StatusCode::REQUEST_TIMEOUT
            }
        }
    }
}

/// Notifies webhooks of the outcome of runs.
#[derive(Clone, Debug)]
pub struct Notifier {
    webhooks: Vec<Webhook>,
    client: Client,
    patience: Patience,
}

impl Notifier {
    /// A notifier for these webhooks.
    ///
    /// # Errors
    /// If HTTP cannot be set up.
    pub fn new(webhooks: Vec<Webhook>, patience: Patience) -> Result<Self, ClientError> {
        let client = http::without_redirects(patience.timeout)?;
        Ok(Self { webhooks, client, patience })
    }

    /// The client, for tests: reqwest is built without its own TLS here.
    #[cfg(test)]
    pub(in crate::replicate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Notifies all webhooks concurrently, and logs the failures. Returns how many were notified.
    pub async fn tell(&self, run: &RunRecord) -> usize {
        if self.webhooks.is_empty() {
            return 0;
        }
        // A record of plain members always serialises.
        let Ok(body) = serde_json::to_vec(&Message::of(run)) else { return 0 };
        let body = &body;
        let told = join_all(self.webhooks.iter().map(|webhook| async move {
            match self.persist(webhook, body).await {
                Ok(()) => {
                    tracing::info!(%webhook, "notified");
                    true
                }
                Err(error) => {
                    tracing::warn!(%webhook, "notification failed: {}", chain(&error));
                    false
                }
            }
        }));
        told.await.into_iter().filter(|told| *told).count()
    }

    async fn persist(&self, webhook: &Webhook, body: &[u8]) -> Result<(), NotifyError> {
        let waits = ExponentialBuilder::default()
            .with_min_delay(self.patience.wait)
            .with_jitter()
            .with_max_times(self.patience.tries.saturating_sub(1));
        let send = || self.send(webhook, body.to_vec());
        send.retry(waits).when(NotifyError::is_passing).await
    }

    pub(super) async fn send(&self, webhook: &Webhook, body: Vec<u8>) -> Result<(), NotifyError> {
        let mut request =
            self.client.post(webhook.url()).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(token) = webhook.token() {
            request = request.bearer_auth(token);
        }
        // The address may contain a secret.
        let answer =
            request.send().await.map_err(|error| NotifyError::Http(error.without_url()))?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(NotifyError::Status(status)) }
    }
}
