//! Where backups are, and which one to choose.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use secrecy::ExposeSecret;

use super::found::BackupLocation;
use super::scalingo::{
    self, ApiPatience, Choice, Client, Endpoints, ScalingoError, ScalingoOptions,
};
use super::{BackupError, FoundBackup, local};
use crate::replicate::config::{Backup as Settings, Elsewhere};
use crate::source::remote::{Address, DownloadOptions};

/// Where backups are, and which one to choose.
#[derive(Clone, Debug)]
pub enum BackupSource {
    /// At the host: backups of an app's database.
    Scalingo {
        /// The host's API.
        client: Arc<Client>,
        /// Which backup to choose.
        choice: Choice,
    },
    /// A file, a directory archive, or a folder whose newest archive is read.
    Path(PathBuf),
    /// An address.
    Url(Address),
}

impl BackupSource {
    /// The source that the settings name. "Today" is in the time zone `zone`.
    ///
    /// # Errors
    /// If they name no source, or an invalid address.
    pub fn of(settings: &Settings, zone: Tz) -> Result<Self, BackupError> {
        Self::patient(settings, zone, ApiPatience::default())
    }

    /// The same, with other timeouts and retries for the host's API.
    ///
    /// # Errors
    /// If they name no source, or an invalid address.
    pub fn patient(
        settings: &Settings,
        zone: Tz,
        patience: ApiPatience,
    ) -> Result<Self, BackupError> {
        match &settings.elsewhere {
            Some(Elsewhere::Path(path)) => return Ok(Self::Path(path.clone())),
            Some(Elsewhere::Url(text, _)) => {
                return Ok(Self::Url(Address::parse(text.expose_secret())?));
            }
            None => {}
        }
        let (Some(app), Some(token)) = (&settings.app, &settings.token) else {
            return Err(BackupError::NoSource);
        };
        let options = ScalingoOptions {
            app: app.clone(),
            token: token.clone(),
            addon: settings.addon.clone(),
            endpoints: endpoints(settings)?,
            patience,
        };
        let choice = Self::choice(settings, zone);
        Ok(Self::Scalingo { client: Arc::new(Client::new(options)?), choice })
    }

    /// Which backup the settings ask for. "Today" is in the time zone `zone`.
    #[must_use]
    pub fn choice(settings: &Settings, zone: Tz) -> Choice {
        match (&settings.id, settings.any_day, settings.max_age) {
            (Some(id), ..) => Choice::Id(id.clone()),
            (None, true, _) => Choice::AnyDay,
            (None, false, Some(age)) => {
                Choice::MaxAge(TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX))
            }
            (None, false, None) => Choice::Today(zone),
        }
    }

    /// Finds the backup to restore. `now` defines "today".
    ///
    /// # Errors
    /// If there is none: [`BackupError::retry`] says whether there may be one later.
    pub async fn find(&self, now: DateTime<Utc>) -> Result<FoundBackup, BackupError> {
        let found = match self {
            Self::Scalingo { client, choice } => {
                let backups = client.backups().await?;
                let backup = scalingo::choose::choose(&backups, choice, now).map_err(|source| {
                    ScalingoError::Choose { app: client.app().to_owned(), source: Box::new(source) }
                })?;
                FoundBackup::with_host(Arc::clone(client), backup)
            }
            Self::Path(path) => local::find(path)?,
            Self::Url(address) => FoundBackup {
                id: address.to_string(),
                name: address.file_name().unwrap_or("backup").to_owned(),
                created_at: None,
                size: None,
                skipped: None,
                place: BackupLocation::Url(address.clone()),
                download: DownloadOptions::default(),
            },
        };
        Ok(found)
    }
}

/// The host's own addresses, unless the settings override them.
fn endpoints(settings: &Settings) -> Result<Endpoints, BackupError> {
    let region = settings.region.name();
    let others = &settings.endpoints;
    let or = |other: &Option<reqwest::Url>, host: String| match other {
        Some(url) => Address::try_from(url.clone()),
        None => Address::parse(&format!("https://{host}.scalingo.com")),
    };
    Ok(Endpoints {
        auth: or(&others.auth, "auth".to_owned())?,
        api: or(&others.api, format!("api.{region}"))?,
        database_api: or(&others.database_api, format!("db-api.{region}"))?,
    })
}
