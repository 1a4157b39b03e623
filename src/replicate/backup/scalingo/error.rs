//! Why the host's API gave no backup.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use super::ChooseError;
use crate::source::remote::{Address, ClientError, is_lasting};

/// What was asked of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
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

impl fmt::Display for Step {
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
    /// No answer.
    #[error("cannot {step}: {address}: no answer")]
    Unreachable {
        /// What was asked.
        step: Step,
        /// Where.
        address: Address,
        /// The client's error, which shows no address.
        source: reqwest::Error,
    },
    /// An answer that is a refusal.
    #[error("cannot {step}: {address}: {status}{message}{}", hint(*.step, *.status))]
    Refused {
        /// What was asked.
        step: Step,
        /// Where.
        address: Address,
        /// The answer's status.
        status: StatusCode,
        /// What the API says about it, in brackets; empty if nothing.
        message: String,
        /// How long the API wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// An answer that cannot be read. Its text is not shown, for it may hold a token.
    #[error("cannot {step}: {address}: the answer is not as documented ({what})")]
    Unreadable {
        /// What was asked.
        step: Step,
        /// Where.
        address: Address,
        /// What is wrong with it.
        what: String,
    },
}

/// What the operator can do about a refusal.
fn hint(step: Step, status: StatusCode) -> &'static str {
    match (step, status) {
        (Step::Exchange, StatusCode::UNAUTHORIZED) => {
            "; is SCALINGO_API_TOKEN right, and not revoked?"
        }
        (Step::Addons, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) => {
            "; is SCALINGO_APP right, in SCALINGO_REGION, and the token's user a collaborator?"
        }
        (_, StatusCode::FORBIDDEN) => {
            "; the token's user must be a collaborator who may export data, not a limited one"
        }
        _ => "",
    }
}

impl ApiError {
    /// Whether the same call may go well in a moment.
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

    /// Whether the token was not accepted.
    pub(super) fn is_unauthorised(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::UNAUTHORIZED, .. })
    }

    /// How long the API wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why there is no backup of an app.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScalingoError {
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// There is no HTTP client.
    #[error("cannot talk to the host")]
    Client(#[from] ClientError),
    /// The app has no database.
    #[error("the app {app} has no PostgreSQL add-on ({})", has(.others))]
    NoAddon {
        /// The app.
        app: String,
        /// What it has.
        others: Vec<String>,
    },
    /// The app has several databases.
    #[error("the app {app} has several PostgreSQL add-ons: say which with --addon ({})", .addons.join(", "))]
    SeveralAddons {
        /// The app.
        app: String,
        /// Their ids and states.
        addons: Vec<String>,
    },
    /// The app has another database.
    #[error("the app {app} has no PostgreSQL add-on {wanted} ({})", has(.others))]
    NoSuchAddon {
        /// The app.
        app: String,
        /// What was asked for.
        wanted: String,
        /// What it has.
        others: Vec<String>,
    },
    /// None of the backups will do.
    #[error("the app {app} has no backup to restore")]
    Choose {
        /// The app.
        app: String,
        /// Why.
        #[source]
        source: Box<ChooseError>,
    },
    /// The address that the API gave is none.
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
    /// Whether waiting would not help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            // Somebody's proxy may have answered.
            Self::Api(ApiError::Unreadable { .. }) | Self::NoAddress => false,
            Self::Api(error) => !error.is_passing(),
            Self::Client(_)
            | Self::NoAddon { .. }
            | Self::SeveralAddons { .. }
            | Self::NoSuchAddon { .. } => true,
            Self::Choose { source, .. } => source.is_permanent(),
        }
    }
}
