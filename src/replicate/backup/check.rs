//! Checks of a backup that need its bytes: when it was made, and whether it is whole.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;

use super::found::Place;
use super::scalingo::Choice;
use super::{BackupError, FoundBackup, spool};
use crate::archive::header::LocalTime;
use crate::report::units;
use crate::source::Archive;
use crate::verify::{VerifyOptions, verify};

/// A verification of all of a backup.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Threads that decompress, where there are processors for them.
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

impl FoundBackup {
    /// Checks by the archive's header that the backup is of the time that is wanted. The host's
    /// list has said that of its own.
    ///
    /// # Errors
    /// [`BackupError::Stale`].
    pub fn check_made(
        &self,
        made: LocalTime,
        choice: &Choice,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<(), BackupError> {
        if matches!(self.place, Place::Host { .. }) {
            return Ok(());
        }
        let time = instant(made, zone);
        let is_wanted = match (choice, time) {
            (Choice::AnyDay | Choice::Id(_), _) => true,
            (_, None) => false,
            // A server whose clock is ahead of this zone has written tomorrow.
            (Choice::Today(zone), Some(time)) => {
                time.with_timezone(zone).date_naive() >= now.with_timezone(zone).date_naive()
            }
            (Choice::MaxAge(age), Some(time)) => now - time <= *age,
        };
        match is_wanted {
            true => Ok(()),
            false => Err(BackupError::Stale {
                name: self.name.clone(),
                made: made.to_string(),
                wanted: choice.wanted(now),
            }),
        }
    }
}

/// The header's time on a clock of the zone; none of a header that has no date.
fn instant(made: LocalTime, zone: Tz) -> Option<DateTime<Utc>> {
    let part = |number: i32| u32::try_from(number).ok();
    let date = NaiveDate::from_ymd_opt(made.year, part(made.month)?, part(made.day)?)?;
    let second = part(made.second)?.min(59);
    let time = date.and_hms_opt(part(made.hour)?, part(made.minute)?, second)?;
    zone.from_local_datetime(&time).earliest().map(|time| time.with_timezone(&Utc))
}
