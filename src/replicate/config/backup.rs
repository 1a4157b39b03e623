//! Settings of where a run finds its backup.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::reader::{VariableReader, Wrong};
use super::table;

/// A region of Scalingo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Region {
    /// `osc-fr1`.
    #[default]
    OscFr1,
    /// `osc-secnum-fr1`, with SecNumCloud qualification.
    OscSecnumFr1,
}

impl Region {
    /// The name, as in the names of the region's servers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OscFr1 => "osc-fr1",
            Self::OscSecnumFr1 => "osc-secnum-fr1",
        }
    }
}

/// A backup that is not at Scalingo.
#[derive(Clone)]
pub enum Elsewhere {
    /// A file, or a folder whose newest file is read.
    Path(PathBuf),
    /// An address, which may hold secrets.
    Url(SecretString, Shown),
}

/// The part of an address that may be shown: scheme, host and path, without user or query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(String);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Url(_, shown) => shown.fmt(f),
        }
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Elsewhere({self})")
    }
}

/// Overrides of the addresses of Scalingo's APIs; for tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Overrides `https://auth.scalingo.com`.
    pub auth: Option<Url>,
    /// Overrides `https://api.REGION.scalingo.com`.
    pub api: Option<Url>,
    /// Overrides `https://db-api.REGION.scalingo.com`.
    pub database_api: Option<Url>,
}

/// Which backup to read, and how.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The app whose database is backed up.
    pub app: Option<String>,
    /// The token of a collaborator of that app.
    pub token: Option<SecretString>,
    /// The database add-on, if the app has several.
    pub addon: Option<String>,
    /// The region of the app.
    pub region: Region,
    /// Overrides of the addresses of the APIs.
    pub endpoints: Endpoints,
    /// Where the backup is instead; takes precedence over the app.
    pub elsewhere: Option<Elsewhere>,
    /// The ID of the app's backup to read.
    pub id: Option<String>,
    /// Whether a backup that is not from today is accepted.
    pub any_day: bool,
    /// The maximum age, instead of being from today.
    pub max_age: Option<Duration>,
    /// Whether to download it to disk before changing the target.
    pub download_first: bool,
    /// Whether to verify it before changing the target, if the whole backup is available.
    pub verify: bool,
}

pub(super) fn read(reader: &mut VariableReader<'_>) -> Backup {
    let backup = Backup {
        app: reader.string(&table::SCALINGO_APP),
        token: reader.read(&table::SCALINGO_API_TOKEN, |text| Ok(SecretString::from(text))),
        addon: reader.string(&table::SCALINGO_ADDON),
        region: reader
            .word(
                &table::SCALINGO_REGION,
                &[Region::OscFr1, Region::OscSecnumFr1].map(|region| (region.name(), region)),
            )
            .unwrap_or_default(),
        elsewhere: reader
            .read_shown(&table::BACKUP_SOURCE, elsewhere, |found, _| found.to_string()),
        id: reader.string(&table::BACKUP_ID),
        any_day: reader.flag(&table::BACKUP_ANY_DAY),
        max_age: reader
            .number(&table::BACKUP_MAX_AGE_HOURS)
            .map(|hours| Duration::from_secs(60 * 60 * hours)),
        download_first: reader.flag(&table::DOWNLOAD_FIRST),
        verify: reader.flag(&table::VERIFY_BACKUP),
        endpoints: Endpoints {
            auth: reader.read_shown(&table::SCALINGO_AUTH_URL, url, |url, _| bare(url)),
            api: reader.read_shown(&table::SCALINGO_API_URL, url, |url, _| bare(url)),
            database_api: reader.read_shown(&table::SCALINGO_DB_URL, url, |url, _| bare(url)),
        },
    };
    if backup.elsewhere.is_some() && backup.id.is_some() {
        reader.problem(
            &table::BACKUP_ID,
            "cannot be combined with BACKUP_SOURCE, whose backups have no ID",
        );
    }
    backup
}

fn url(text: &str) -> Result<Url, Wrong> {
    let url = Url::parse(text).map_err(|_| Wrong::Unexpected)?;
    // The password of the second address would be shown as part of the first one's path.
    if url.path().contains("://") {
        let several = "more than one address (write \":\" in a path as %3A)";
        return Err(Wrong::Because(several.to_owned()));
    }
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    if is_http { Ok(url) } else { Err(Wrong::Unexpected) }
}

fn elsewhere(text: &str) -> Result<Elsewhere, Wrong> {
    if !text.contains("://") {
        return Ok(Elsewhere::Path(PathBuf::from(text)));
    }
    let shown = bare(&url(text)?);
    Ok(Elsewhere::Url(SecretString::from(text), Shown(shown)))
}

/// An address without the parts that may hold secrets.
fn bare(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Neither fails on an address that has a host.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}
