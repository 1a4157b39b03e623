//! Chooses one of a database's backups.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{Backup, BackupStatus};
use crate::report::units;
use crate::server::Retry;

/// Ages from here on are shown in days.
const FEW_DAYS: TimeDelta = TimeDelta::days(3);

/// Which backup to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The newest that was started today, in this time zone.
    Today(Tz),
    /// The newest that is not older than this.
    MaxAge(TimeDelta),
    /// The newest.
    AnyDay,
    /// The one with this ID.
    Id(String),
}

impl Choice {
    /// The criterion in words: `from today (2024-05-02, UTC)`.
    pub(in crate::replicate) fn wanted(&self, now: DateTime<Utc>) -> String {
        match self {
            Self::Id(id) => id.clone(),
            Self::Today(zone) => {
                format!("from today ({}, {zone})", now.with_timezone(zone).date_naive())
            }
            Self::MaxAge(age) => {
                let hours = u64::try_from(age.num_hours()).unwrap_or_default();
                format!("from the last {}", units::plural(hours, "hour", "hours"))
            }
            Self::AnyDay => "from any day".to_owned(),
        }
    }

    fn takes(&self, backup: &Backup, now: DateTime<Utc>) -> bool {
        match (self, backup.created_at) {
            (Self::Id(id), _) => backup.id == *id,
            (Self::AnyDay, _) => true,
            (_, None) => false,
            (Self::Today(zone), Some(created)) => {
                created.with_timezone(zone).date_naive() == now.with_timezone(zone).date_naive()
            }
            (Self::MaxAge(age), Some(created)) => now - created <= *age,
        }
    }
}

/// Why none of the backups is suitable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChooseError {
    /// There are no backups.
    #[error("there are no backups")]
    None,
    /// No suitable backup has finished.
    #[error("{}", none_done(.wanted, .newest, .newest_done.as_deref()))]
    NoneDone {
        /// The criterion in words.
        wanted: String,
        /// The newest one.
        newest: Seen,
        /// The newest one that has finished.
        newest_done: Option<Box<Seen>>,
    },
    /// The backup does not exist.
    #[error("backup {id} does not exist; the newest of {count} is {newest}")]
    NoSuchId {
        /// The requested ID.
        id: String,
        /// How many there are.
        count: usize,
        /// The newest one.
        newest: Seen,
    },
    /// The requested backup has not finished.
    #[error("backup has not finished: {0}")]
    NotDone(Seen),
}

fn none_done(wanted: &str, newest: &Seen, done: Option<&Seen>) -> String {
    match done {
        Some(done) if done.id == newest.id => format!("no backup {wanted}; the newest is {newest}"),
        Some(done) => format!(
            "no backup {wanted} has finished; the newest is {newest}; the newest finished one is \
             {done}"
        ),
        None => format!(
            "no backup {wanted} has finished; the newest is {newest}; no other has finished either"
        ),
    }
}

impl ChooseError {
    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoSuchId { .. } => Retry::Never,
            Self::NotDone(seen) if seen.status.is_final() => Retry::Never,
            Self::None | Self::NoneDone { .. } | Self::NotDone(_) => Retry::LaterAttempt,
        }
    }
}

/// A summary of a backup, for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its ID.
    pub id: String,
    /// When it was requested.
    pub created_at: Option<DateTime<Utc>>,
    /// How long ago that is.
    pub age: Option<TimeDelta>,
    /// Its state.
    pub status: BackupStatus,
}

impl Seen {
    fn new(backup: &Backup, now: DateTime<Utc>) -> Self {
        Self {
            id: backup.id.clone(),
            created_at: backup.created_at,
            age: backup.created_at.map(|created| now - created),
            status: backup.status.clone(),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of ", self.id)?;
        match self.created_at {
            Some(created) => write!(f, "{}", created.format("%Y-%m-%d %H:%M:%S UTC"))?,
            None => f.write_str("an unknown time")?,
        }
        match self.age {
            Some(age) if age >= FEW_DAYS => write!(f, " ({} days old)", age.num_days())?,
            Some(age) => write!(f, " ({} old)", units::duration(age.to_std().unwrap_or_default()))?,
            None => {}
        }
        write!(f, ", {}", self.status)
    }
}

/// The newest finished backup that matches the choice.
///
/// # Errors
/// If there is none; the error describes the newest ones instead.
pub fn choose<'a>(
    backups: &'a [Backup],
    choice: &Choice,
    now: DateTime<Utc>,
) -> Result<&'a Backup, ChooseError> {
    // The list seems to be sorted newest first, but that is not documented.
    let newest = |wanted: &dyn Fn(&Backup) -> bool| {
        backups.iter().filter(|backup| wanted(backup)).max_by_key(|backup| backup.created_at)
    };
    let is_done = |backup: &Backup| backup.status == BackupStatus::Done;
    if let Some(backup) = newest(&|backup| is_done(backup) && choice.takes(backup, now)) {
        return Ok(backup);
    }
    let Some(newest_of_all) = newest(&|_| true) else { return Err(ChooseError::None) };
    let seen = |backup: &Backup| Seen::new(backup, now);
    if let Choice::Id(id) = choice {
        return Err(match newest(&|backup| backup.id == *id) {
            Some(backup) => ChooseError::NotDone(seen(backup)),
            None => ChooseError::NoSuchId {
                id: id.clone(),
                count: backups.len(),
                newest: seen(newest_of_all),
            },
        });
    }
    Err(ChooseError::NoneDone {
        wanted: choice.wanted(now),
        newest: seen(newest_of_all),
        newest_done: newest(&is_done).map(seen).map(Box::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn backup(id: &str, created: &str, status: &str) -> Backup {
        Backup {
            id: id.to_owned(),
            created_at: Some(time(created)),
            name: None,
            size: None,
            status: status.to_owned().into(),
        }
    }

    fn week() -> Vec<Backup> {
        vec![
            backup("c", "2024-05-02T00:00:12Z", "running"),
            backup("a", "2024-04-30T00:00:12Z", "done"),
            backup("b", "2024-05-01T00:00:12Z", "done"),
            backup("e", "2024-04-29T00:00:12Z", "error"),
        ]
    }

    fn chosen(choice: &Choice, now: &str) -> Result<String, String> {
        let backups = week();
        let chosen = choose(&backups, choice, time(now));
        chosen.map(|backup| backup.id.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn newest_finished_backup_of_today_is_chosen() {
        let today = Choice::Today(Tz::UTC);
        assert_eq!(chosen(&today, "2024-05-01T05:10:00Z").as_deref(), Ok("b"));
        assert_eq!(chosen(&today, "2024-04-30T23:59:59Z").as_deref(), Ok("a"));
        assert_eq!(chosen(&Choice::AnyDay, "2024-05-02T05:10:00Z").as_deref(), Ok("b"));
    }

    #[test]
    fn today_depends_on_the_time_zone() {
        let paris = Choice::Today(Tz::Europe__Paris);
        // 00:30 on the 2nd in Paris: the backup of 02:00 on the 1st is from yesterday.
        assert!(chosen(&paris, "2024-05-01T22:30:00Z").is_err());
        assert_eq!(chosen(&Choice::Today(Tz::UTC), "2024-05-01T22:30:00Z").as_deref(), Ok("b"));
    }

    #[test]
    fn missing_backup_of_today_reports_the_newest_ones() {
        assert_eq!(
            chosen(&Choice::Today(Tz::UTC), "2024-05-02T00:10:12Z").unwrap_err(),
            "no backup from today (2024-05-02, UTC) has finished; the newest is c of 2024-05-02 \
             00:00:12 UTC (10min 0s old), running; the newest finished one is b of 2024-05-01 \
             00:00:12 UTC (24h 10min 0s old), done"
        );
    }

    #[test]
    fn max_age_rejects_older_backups() {
        let hours = |hours| Choice::MaxAge(TimeDelta::hours(hours));
        assert_eq!(chosen(&hours(30), "2024-05-02T05:10:00Z").as_deref(), Ok("b"));
        let error = chosen(&hours(12), "2024-05-02T05:10:00Z").unwrap_err();
        assert!(error.starts_with("no backup from the last 12 hours"), "{error}");
    }

    #[test]
    fn backup_by_id_must_be_finished() {
        let id = |id: &str| Choice::Id(id.to_owned());
        let now = "2024-05-02T05:10:00Z";
        assert_eq!(chosen(&id("a"), now).as_deref(), Ok("a"));
        let backups = week();
        let error = |wanted: &str| choose(&backups, &id(wanted), time(now)).unwrap_err();
        assert_eq!(error("c").retry(), Retry::LaterAttempt, "it may still finish");
        assert_eq!(error("e").retry(), Retry::Never);
        assert_eq!(error("x").retry(), Retry::Never);
        assert!(
            error("x").to_string().starts_with("backup x does not exist; the newest of 4 is c")
        );
    }

    #[test]
    fn empty_list_of_backups_is_reported() {
        assert_eq!(choose(&[], &Choice::AnyDay, Utc::now()), Err(ChooseError::None));
    }
}
