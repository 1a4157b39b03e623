//! The structure of the API's responses, as far as they are read.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// `POST /v1/tokens/exchange`.
#[derive(Deserialize)]
pub(super) struct ExchangeAnswer {
    pub(super) token: String,
}

/// `GET /v1/apps/APP/addons`.
#[derive(Deserialize)]
pub(super) struct AddonsAnswer {
    pub(super) addons: Vec<Addon>,
}

/// An add-on of an app.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Addon {
    pub(super) id: String,
    /// `running`, `provisioning` or `suspended`.
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) addon_provider: Option<AddonProvider>,
}

/// What kind of add-on.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AddonProvider {
    pub(super) id: String,
}

impl Addon {
    pub(super) fn provider(&self) -> &str {
        self.addon_provider.as_ref().map_or("", |provider| &provider.id)
    }

    /// ID and state, for display.
    pub(super) fn label(&self) -> String {
        format!("{}: {}", self.id, self.status.as_deref().unwrap_or("state unknown"))
    }
}

/// `POST /v1/apps/APP/addons/ID/token`.
#[derive(Deserialize)]
pub(super) struct AddonTokenAnswer {
    pub(super) addon: AddonToken,
}

#[derive(Deserialize)]
pub(super) struct AddonToken {
    pub(super) token: String,
}

/// `GET /api/databases/ID/backups`.
#[derive(Deserialize)]
pub(super) struct BackupsAnswer {
    pub(super) database_backups: Vec<Backup>,
}

/// One of a database's backups.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Backup {
    /// Its ID.
    pub id: String,
    /// When it was requested.
    #[serde(default)]
    pub created_at: Option<DateTime<Utc>>,
    /// The name of its file, with or without a suffix.
    #[serde(default)]
    pub name: Option<String>,
    /// Its size in bytes; `None` or 0 while it is unknown.
    #[serde(default)]
    pub size: Option<u64>,
    /// Its state.
    pub status: BackupStatus,
}

/// The state of a backup. The words are from Scalingo's Go and JavaScript clients, and one is from
/// its documentation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum BackupStatus {
    /// It is scheduled.
    Scheduled,
    /// It is waiting to start.
    Pending,
    /// It is in progress.
    Running,
    /// It can be restored.
    Done,
    /// It failed.
    Error,
    /// It is being cancelled.
    Cancelling,
    /// It was cancelled.
    Cancelled,
    /// An unknown word, treated as not ready.
    Other(String),
}

impl BackupStatus {
    /// Whether it will never finish.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Error | Self::Cancelling | Self::Cancelled)
    }
}

impl From<String> for BackupStatus {
    fn from(word: String) -> Self {
        match word.as_str() {
            "scheduled" => Self::Scheduled,
            "pending" => Self::Pending,
            "running" => Self::Running,
            "done" => Self::Done,
            "error" => Self::Error,
            "cancelling" => Self::Cancelling,
            "cancelled" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}

impl fmt::Display for BackupStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Scheduled => "scheduled",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Error => "error",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Other(word) => word,
        })
    }
}

/// `GET /api/databases/ID/backups/B/archive`.
#[derive(Deserialize)]
pub(super) struct ArchiveAnswer {
    pub(super) download_url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backup_with_unknown_members_is_parsed() {
        let done: Backup = serde_json::from_str(
            r#"{"id":"5a7b","created_at":"2024-05-02T01:00:12.345+02:00","started_at":null,
                "name":"20240502010012_pix_4553","size":1623860,"status":"done",
                "database_id":"d","method":"periodic","type":"postgresql"}"#,
        )
        .unwrap();
        assert_eq!(done.created_at.unwrap().to_rfc3339(), "2024-05-01T23:00:12.345+00:00");
        assert_eq!((done.size, done.status), (Some(1_623_860), BackupStatus::Done));
        let young: Backup =
            serde_json::from_str(r#"{"id":"5a7c","size":null,"status":"uploading"}"#).unwrap();
        assert_eq!(young.status, BackupStatus::Other("uploading".to_owned()));
        assert_eq!((young.created_at, young.size), (None, None));
    }

    #[test]
    fn every_state_round_trips() {
        for word in ["scheduled", "pending", "running", "done", "error", "cancelling", "cancelled"]
        {
            let status = BackupStatus::from(word.to_owned());
            assert!(!matches!(status, BackupStatus::Other(_)), "{word}");
            assert_eq!(status.to_string(), word);
        }
    }
}
