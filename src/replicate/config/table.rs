//! The table of all variables, by chapter. `docs/variables.md` and the command line options are
//! generated from it.

use super::NightCommand;
use super::variable::Variable;
pub(super) use super::variables::{
    APP, BACKUP_ANY_DAY, BACKUP_ID, BACKUP_MAX_AGE_HOURS, BACKUP_MODE, BACKUP_MODE_STRICT,
    BACKUP_SOURCE, DATABASE_URL, DELTA, DOWNLOAD_FIRST, DROP_TIMEOUT_MS, ENRICHMENT_DIR,
    FROM_SCRATCH, HOOKS_DIR, INCREMENTAL_ADD_COLUMNS, INCREMENTAL_ALLOW_BEHIND,
    INCREMENTAL_CHECK_GAPS, INCREMENTAL_FILL_GAPS, INCREMENTAL_JOBS, INCREMENTAL_KEYS,
    INCREMENTAL_LAG, INCREMENTAL_LATE_COMMITS_TIMEOUT_MS, INCREMENTAL_RANGE_ROWS,
    INCREMENTAL_STATEMENT_TIMEOUT_MS, LOG_FORMAT, MAX_RETRY_COUNT, MAX_TIMEOUT, MIN_TIMEOUT,
    NOTIFICATION_URLS, NOTIFICATIONS, PG_RESTORE_JOBS, PORT, REPORT_LANG, RESTORE_ANSWERS_AND_KES,
    RESTORE_ANSWERS_AND_KES_INCREMENTALLY, RESTORE_EXCLUDE, RESTORE_FK_CONSTRAINTS,
    RESTORE_TOLERATE, RETRIES_TIMEOUT_MINUTES, SCALINGO_ADDON, SCALINGO_API_TOKEN,
    SCALINGO_API_URL, SCALINGO_APP, SCALINGO_AUTH_URL, SCALINGO_DB_URL, SCALINGO_REGION, SCHEDULE,
    SCHEDULE_LATEST_START_MINUTES, SCHEDULE_TIMEZONE, SOURCE_DATABASE_URL, STATUS_TOKEN, SWAP,
    SWAP_DROPS_OTHERS, SWAP_TEMPLATE, TARGET_DATABASE_URL, VERIFY_BACKUP,
};

/// A chapter of the table.
#[derive(Debug)]
pub struct Chapter {
    /// Its heading.
    pub title: &'static str,
    /// Its variables.
    pub variables: &'static [&'static Variable],
}

/// All variables, by chapter.
pub static CHAPTERS: [Chapter; 8] = [
    Chapter {
        title: "Schedule",
        variables: &[&SCHEDULE, &SCHEDULE_TIMEZONE, &SCHEDULE_LATEST_START_MINUTES],
    },
    Chapter {
        title: "Backup",
        variables: &[
            &SCALINGO_APP,
            &SCALINGO_API_TOKEN,
            &SCALINGO_ADDON,
            &SCALINGO_REGION,
            &BACKUP_SOURCE,
            &BACKUP_ID,
            &BACKUP_ANY_DAY,
            &BACKUP_MAX_AGE_HOURS,
            &DOWNLOAD_FIRST,
            &VERIFY_BACKUP,
            &SCALINGO_AUTH_URL,
            &SCALINGO_API_URL,
            &SCALINGO_DB_URL,
        ],
    },
    Chapter {
        title: "Databases",
        variables: &[&DATABASE_URL, &SOURCE_DATABASE_URL, &TARGET_DATABASE_URL],
    },
    Chapter {
        title: "Restore",
        variables: &[
            &PG_RESTORE_JOBS,
            &RESTORE_FK_CONSTRAINTS,
            &BACKUP_MODE,
            &RESTORE_ANSWERS_AND_KES,
            &RESTORE_ANSWERS_AND_KES_INCREMENTALLY,
            &BACKUP_MODE_STRICT,
            &RESTORE_EXCLUDE,
            &RESTORE_TOLERATE,
            &FROM_SCRATCH,
            &DELTA,
            &SWAP,
            &SWAP_TEMPLATE,
            &SWAP_DROPS_OTHERS,
            &DROP_TIMEOUT_MS,
            &ENRICHMENT_DIR,
            &HOOKS_DIR,
        ],
    },
    Chapter {
        title: "Incremental tables",
        variables: &[
            &INCREMENTAL_KEYS,
            &INCREMENTAL_JOBS,
            &INCREMENTAL_RANGE_ROWS,
            &INCREMENTAL_LATE_COMMITS_TIMEOUT_MS,
            &INCREMENTAL_LAG,
            &INCREMENTAL_ADD_COLUMNS,
            &INCREMENTAL_CHECK_GAPS,
            &INCREMENTAL_FILL_GAPS,
            &INCREMENTAL_ALLOW_BEHIND,
            &INCREMENTAL_STATEMENT_TIMEOUT_MS,
        ],
    },
    Chapter {
        title: "Retries",
        variables: &[&MAX_RETRY_COUNT, &MIN_TIMEOUT, &MAX_TIMEOUT, &RETRIES_TIMEOUT_MINUTES],
    },
    Chapter {
        title: "Notifications, reports and logs",
        variables: &[&NOTIFICATIONS, &NOTIFICATION_URLS, &REPORT_LANG, &LOG_FORMAT, &APP],
    },
    Chapter { title: "Web process", variables: &[&PORT, &STATUS_TOKEN] },
];

/// All variables that a command reads.
pub fn of(command: NightCommand) -> impl Iterator<Item = &'static Variable> {
    all().filter(move |variable| variable.commands.contains(&command))
}

/// All variables.
pub fn all() -> impl Iterator<Item = &'static Variable> {
    CHAPTERS.iter().flat_map(|chapter| chapter.variables.iter().copied())
}
