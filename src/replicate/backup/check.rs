//! Checks of a backup that need its bytes: when it was made, and whether it is intact.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::found::BackupLocation;
use super::scalingo::Choice;
use super::{BackupError, BackupSource, FoundBackup, spool};
use crate::archive::header::LocalTime;
use crate::replicate::config::Backup as Settings;
use crate::report::units;
use crate::source::Archive;
use crate::verify::{VerifyOptions, verify};

/// The verification of a whole backup.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Decompression threads, limited to the number of processors.
    pub jobs: usize,
}

impl Check {
    /// Reads the archive to its end.
    ///
    /// # Errors
    /// [`BackupError::Damaged`].
    pub async fn run(self, archive: Archive) -> Result<(), BackupError> {
        let most = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let jobs = NonZeroUsize::new(self.jobs).unwrap_or(NonZeroUsize::MIN).min(most);
        let began = Instant::now();
        let report = spool::blocking(move || {
            let options = VerifyOptions { jobs, ..VerifyOptions::default() };
            Ok(verify(archive, &options, &|_| {}))
        });
        let report = report.await?;
        if report.is_intact() {
            let took = units::duration(began.elapsed());
            tracing::info!(
                "backup verified: {} entries with data, in {took}",
                report.entries.len()
            );
            return Ok(());
        }
        let of_entry = |entry: &crate::verify::EntryReport| {
            let error = entry.error.as_ref()?;
            Some(format!("{} {}: {error}", entry.kind, entry.name))
        };
        let first = report.errors.first().cloned();
        let first = first.or_else(|| report.entries.iter().find_map(of_entry));
        Err(BackupError::Damaged { name: report.archive, first: first.unwrap_or_default() })
    }
}

/// When a backup was made: the same rule for runs, dry runs and `fetch-backup`.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// The backup.
    pub backup: &'a FoundBackup,
    /// The time in the archive's header.
    pub header: LocalTime,
    /// The time zone of that time, which archives do not record.
    pub zone: Tz,
}

/// The tolerated difference between clocks.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

impl Made<'_> {
    /// The time from the host's list, otherwise from the header. The modification time of a file is
    /// when it was copied.
    #[must_use]
    pub fn time(&self) -> Option<DateTime<Utc>> {
        match self.is_in_a_list() {
            true => self.backup.created_at,
            false => instant(self.header, self.zone),
        }
    }

    /// Checks that the backup is as recent as the settings demand; a backup from the host's list
    /// was already chosen by its time. Returns a warning about a time in the future.
    ///
    /// # Errors
    /// [`BackupError::Stale`].
    pub fn check(
        &self,
        settings: &Settings,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, BackupError> {
        let (name, header) = (&self.backup.name, self.header);
        let time = self.time();
        let choice = BackupSource::choice(settings, self.zone);
        let is_wanted = match (&choice, time) {
            _ if self.is_in_a_list() => true,
            (Choice::AnyDay | Choice::Id(_), _) => true,
            (_, None) => false,
            // A server whose clock is ahead of this zone may have written tomorrow's date.
            (Choice::Today(zone), Some(time)) => {
                time.with_timezone(zone).date_naive() >= now.with_timezone(zone).date_naive()
            }
            (Choice::MaxAge(age), Some(time)) => now - time <= *age,
        };
        if !is_wanted {
            let (made, wanted) = (header.to_string(), choice.wanted(now));
            return Err(BackupError::Stale { name: name.clone(), made, wanted });
        }
        let is_ahead = time.is_some_and(|time| time - now > CLOCKS_DIFFER);
        Ok(is_ahead.then(|| match (self.is_in_a_list(), time) {
            (true, Some(time)) => {
                let time = time.format("%Y-%m-%d %H:%M:%S UTC");
                format!("the host dates {name} at {time}, which is in the future")
            }
            _ => format!(
                "{name} was made at {header} according to its header, which is in the future in \
                 the zone {} (hint: set SCHEDULE_TIMEZONE to the time zone of the machine that ran \
                 pg_dump, or correct its clock)",
                self.zone
            ),
        }))
    }

    /// Whether it is from the host's list.
    fn is_in_a_list(&self) -> bool {
        matches!(self.backup.place, BackupLocation::Host { .. })
    }
}

/// The header's time in the time zone; `None` if the header has no date.
fn instant(made: LocalTime, zone: Tz) -> Option<DateTime<Utc>> {
    let part = |number: i32| u32::try_from(number).ok();
    let date = NaiveDate::from_ymd_opt(made.year, part(made.month)?, part(made.day)?)?;
    let second = part(made.second)?.min(59);
    let time = date.and_hms_opt(part(made.hour)?, part(made.minute)?, second)?;
    let local = zone.from_local_datetime(&time).earliest();
    // A clock in another zone can show a time that this zone skips in spring.
    let local =
        local.or_else(|| zone.from_local_datetime(&(time + TimeDelta::hours(1))).earliest());
    local.map(|time| time.with_timezone(&Utc))
}
