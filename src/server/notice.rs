//! Notices that a server sends besides its answers.

use std::fmt;
use std::sync::Arc;

use tokio_postgres::error::{DbError, Severity};

/// A NoticeResponse: `WARNING`, `NOTICE`, `INFO`, `LOG` or `DEBUG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Severity, `WARNING`, never translated.
    pub severity: String,
    /// The five characters of the code.
    pub sqlstate: String,
    /// The message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
}

impl Notice {
    pub(super) fn new(report: &DbError) -> Self {
        let severity = match report.parsed_severity() {
            Some(Severity::Warning) => "WARNING",
            Some(Severity::Notice) => "NOTICE",
            Some(Severity::Info) => "INFO",
            Some(Severity::Debug) => "DEBUG",
            Some(Severity::Log) => "LOG",
            _ => report.severity(),
        };
        Self {
            severity: severity.to_owned(),
            sqlstate: report.code().code().to_owned(),
            message: report.message().to_owned(),
            detail: report.detail().map(str::to_owned),
            hint: report.hint().map(str::to_owned),
        }
    }
}

/// The receiver of a session's notices. It is called from the task that reads the socket, before
/// the answer to the statement arrives, and must not block.
#[derive(Clone)]
pub struct Notices(Arc<dyn Fn(Notice) + Send + Sync>);

impl Notices {
    /// Sends notices to this function.
    pub fn to(receiver: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        Self(Arc::new(receiver))
    }

    /// Discards notices.
    #[must_use]
    pub fn discard() -> Self {
        Self::to(|_| {})
    }

    pub(super) fn send(&self, notice: Notice) {
        (self.0)(notice);
    }
}

impl Default for Notices {
    fn default() -> Self {
        Self::discard()
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices")
    }
}
