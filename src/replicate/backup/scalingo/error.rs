//! Errors of Scalingo's API.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use super::ChooseError;
use crate::http::{ClientError, is_lasting};
use crate::server::Retry;
use crate::source::remote::Address;

/// An API call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiStep {
    /// The exchange of the API token for a bearer token.
    Exchange,
    /// The list of add-ons.
    Addons,
    /// A token of the add-on.
    AddonToken,
    /// The list of backups.
    Backups,
    /// The signed address of a backup.
    Archive,
}

impl fmt::Display for ApiStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exchange => "exchange the API token",
            Self::Addons => "list the app's add-ons",
            Self::AddonToken => "get a token of the database's add-on",
            Self::Backups => "list the backups",
            Self::Archive => "get the address of the backup",
        })
    }
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No response.
    #[error("cannot {step}: {address}: no response")]
    Unreachable {
        /// The call.
        step: ApiStep,
        /// Its address.
        address: Address,
        /// The client's error, without the address.
        source: reqwest::Error,
    },
    /// A response with an error status.
    #[error("cannot {step}: {address}: {status}{message}{}", hint(*.step, *.status))]
    Refused {
        /// The call.
        step: ApiStep,
        /// Its address.
        address: Address,
        /// The status of the response.
        status: StatusCode,
        /// The API's message, in parentheses; empty if there is none.
        message: String,
        /// How long the API asks to wait before a retry.
        retry_after: Option<Duration>,
    },
    /// A response that cannot be parsed. Its text is not shown, because it may contain a token.
    #[error("cannot {step}: {address}: unexpected response ({what})")]
    Unreadable {
        /// The call.
        step: ApiStep,
        /// Its address.
        address: Address,
        /// What is wrong with it.
        what: String,
    },
}

/// What the operator can do about an error status.
fn hint(step: ApiStep, status: StatusCode) -> &'static str {
    match (step, status) {
        (ApiStep::Exchange, StatusCode::UNAUTHORIZED) => {
            "; check that SCALINGO_API_TOKEN is correct and not revoked"
        }
        (ApiStep::Addons, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) => {
            "; check SCALINGO_APP and SCALINGO_REGION, and that the token's user is a collaborator \
             of the app"
        }
        (_, StatusCode::FORBIDDEN) => {
            "; the token's user must be a collaborator who may export data, not a limited \
             collaborator"
        }
        _ => "",
    }
}

impl ApiError {
    /// Whether a retry of the same call may succeed.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => !is_lasting(source),
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::REQUEST_TIMEOUT
                            | StatusCode::TOO_EARLY
                            | StatusCode::TOO_MANY_REQUESTS
                    )
            }
            Self::Unreadable { .. } => false,
        }
    }

    /// Whether the token was rejected.
    pub(super) fn is_unauthorised(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::UNAUTHORIZED, .. })
    }

    /// How long the API asks to wait before a retry.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why no backup of an app was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScalingoError {
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The HTTP client cannot be set up.
    #[error("cannot set up the client of Scalingo's API")]
    Client(#[from] ClientError),
    /// The app has no database.
    #[error("the app {app} has no PostgreSQL add-on ({})", has(.others))]
    NoAddon {
        /// The app.
        app: String,
        /// The add-ons it has.
        others: Vec<String>,
    },
    /// The app has several databases.
    #[error(
        "the app {app} has several PostgreSQL add-ons; choose one with --addon ({})",
        .addons.join(", ")
    )]
    SeveralAddons {
        /// The app.
        app: String,
        /// Their IDs and states.
        addons: Vec<String>,
    },
    /// The app does not have the requested database.
    #[error("the app {app} has no PostgreSQL add-on {wanted} ({})", has(.others))]
    NoSuchAddon {
        /// The app.
        app: String,
        /// The requested add-on.
        wanted: String,
        /// The add-ons it has.
        others: Vec<String>,
    },
    /// None of the backups is suitable.
    #[error("the app {app} has no backup to restore")]
    Choose {
        /// The app.
        app: String,
        /// Why.
        #[source]
        source: Box<ChooseError>,
    },
    /// The API returned an invalid address.
    #[error("the address of the backup is not an http:// or https:// URL")]
    NoAddress,
}

fn has(others: &[String]) -> String {
    if others.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", others.join(", "))
    }
}

impl ScalingoError {
    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            // The response may come from a proxy.
            Self::Api(ApiError::Unreadable { .. }) | Self::NoAddress => Retry::LaterAttempt,
            Self::Api(error) if error.is_passing() => Retry::LaterAttempt,
            Self::Api(_)
            | Self::Client(_)
            | Self::NoAddon { .. }
            | Self::SeveralAddons { .. }
            | Self::NoSuchAddon { .. } => Retry::Never,
            Self::Choose { source, .. } => source.retry(),
        }
    }
}
