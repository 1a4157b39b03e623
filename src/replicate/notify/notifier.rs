//! Sends summaries to webhooks.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures::future::join_all;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};

use super::client::{ClientError, client};
use super::message::Message;
use super::webhook::Webhook;
use crate::replicate::worker::RunRecord;
use crate::restore::chain;

/// How long to wait for a webhook, and how often to try.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long one try may take.
    pub timeout: Duration,
    /// How often to try, the first time included.
    pub tries: usize,
    /// The wait before the second try; it doubles from try to try.
    pub wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), tries: 3, wait: Duration::from_secs(2) }
    }
}

/// Why a webhook was not told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// It did not answer.
    #[error("no answer")]
    Http(#[source] reqwest::Error),
    /// It answered something else than success.
    #[error("answered {0}")]
    Status(StatusCode),
}

impl NotifyError {
    /// Whether another try may do better.
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

/// Tells webhooks how runs ended.
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
    /// [`ClientError`] when HTTP cannot be set up.
    pub fn new(webhooks: Vec<Webhook>, patience: Patience) -> Result<Self, ClientError> {
        Ok(Self { webhooks, client: client(patience.timeout)?, patience })
    }

    /// The client, for tests: reqwest has no TLS of its own here.
    #[cfg(test)]
    pub(in crate::replicate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Tells all webhooks at the same time, and logs which were not reached. How many were.
    pub async fn tell(&self, run: &RunRecord) -> usize {
        if self.webhooks.is_empty() {
            return 0;
        }
        // A record of plain members always becomes JSON.
        let Ok(body) = serde_json::to_vec(&Message::of(run)) else { return 0 };
        let body = &body;
        let told = join_all(self.webhooks.iter().map(|webhook| async move {
            match self.persist(webhook, body).await {
                Ok(()) => {
                    tracing::info!(%webhook, "notified");
                    true
                }
                Err(error) => {
                    tracing::warn!(%webhook, "not notified: {}", chain(&error));
                    false
                }
            }
        }));
        told.await.into_iter().filter(|told| *told).count()
    }

    async fn persist(&self, webhook: &Webhook, body: &[u8]) -> Result<(), NotifyError> {
        let waits = ExponentialBuilder::default()
            .with_min_delay(self.patience.wait)
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
        // The address may hold a secret.
        let answer =
            request.send().await.map_err(|error| NotifyError::Http(error.without_url()))?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(NotifyError::Status(status)) }
    }
}
