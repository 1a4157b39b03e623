//! Where a night's backup is looked for.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::reader::{Reader, Wrong};
use super::table;

/// A region of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Region {
    /// `osc-fr1`.
    #[default]
    OscFr1,
    /// `osc-secnum-fr1`, of qualified security.
    OscSecnumFr1,
}

impl Region {
    /// The name, as it is in the names of the region's servers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OscFr1 => "osc-fr1",
            Self::OscSecnumFr1 => "osc-secnum-fr1",
        }
    }
}

/// A backup that is somewhere else than with the host.
#[derive(Clone)]
pub enum Elsewhere {
    /// A file, or a folder of which the newest file counts.
    Path(PathBuf),
    /// An address, which may hold secrets.
    Url(SecretString, Shown),
}

/// What of an address may be shown: scheme, host and path, without a user and without a query.
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

/// Other addresses of the host's APIs; for tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Of `https://auth.scalingo.com`.
    pub auth: Option<Url>,
    /// Of `https://api.REGION.scalingo.com`.
    pub api: Option<Url>,
    /// Of `https://db-api.REGION.scalingo.com`.
    pub database_api: Option<Url>,
}

/// Which backup, and how it comes.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The app whose database is backed up.
    pub app: Option<String>,
    /// The token of a collaborator of that app.
    pub token: Option<SecretString>,
    /// The add-on that is the database, where the app has several.
    pub addon: Option<String>,
    /// The region that the app is in.
    pub region: Region,
    /// Other addresses of the APIs.
    pub endpoints: Endpoints,
    /// Where the backup is instead; it goes before the app.
    pub elsewhere: Option<Elsewhere>,
    /// This one of the app's backups.
    pub id: Option<String>,
    /// Whether one of another day than today will do.
    pub any_day: bool,
    /// How old it may be, in place of being today's.
    pub max_age: Option<Duration>,
    /// Whether it is on the disk before the target is touched.
    pub download_first: bool,
    /// Whether it is verified before the target is touched, if all of it is available.
    pub verify: bool,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Backup {
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
            "set together with BACKUP_SOURCE: a backup from elsewhere has no id",
        );
    }
    backup
}

fn url(text: &str) -> Result<Url, Wrong> {
    let url = Url::parse(text).map_err(|_| Wrong::Unexpected)?;
    // The second one's password would be shown with the path of the first.
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

/// An address without what may be secret in it.
fn bare(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Neither fails on an address that has a host.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}
