//! The settings of a run, from the environment and the command line, checked together.
//!
//! [`table`] lists every variable with its default and its meaning; [`document`] generates
//! `docs/variables.md` from it, and the command line options come from it too. [`Config`] holds the
//! typed values. All problems are reported at once, by variable ([`ConfigProblems`]); secrets are never
//! shown.
//!
//! A variable set to an empty value counts as not set, because hosts cannot always unset one. `0`
//! is a value.

mod backup;
mod databases;
pub mod document;
mod entries;
mod incremental;
mod json;
mod notifications;
mod pattern;
mod problem;
mod reader;
pub mod table;
mod table_modes;
mod variable;
mod variables;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use secrecy::SecretString;

pub use backup::{Backup, Elsewhere, Endpoints, Region, Shown};
pub use databases::Databases;
pub use entries::EntryPattern;
pub use incremental::Incremental;
pub use pattern::{PatternError, TablePattern};
pub use problem::{ConfigProblems, Problem};
pub use reader::Setting;
pub use table_modes::{KeyColumns, TableMode, TableModes, TableRule};
pub use variable::{ValueKind, Variable};

use super::notify::Webhook;
use super::schedule::{self, CronSchedule};
use super::worker::RetryPolicy;
use crate::replicate::run_report::Lang;
use crate::report::LogFormat;
use crate::restore::Tolerance;
use reader::{VariableReader, Wrong};

/// The command that settings are read for; each needs some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NightCommand {
    /// One full run.
    Run,
    /// Only the incremental copy.
    Incremental,
    /// Scheduled runs.
    Worker,
    /// The web process.
    Web,
    /// Only drops the target's objects.
    DropObjects,
    /// Only fetches the backup.
    FetchBackup,
    /// Only the enrichment.
    Enrich,
}

impl NightCommand {
    /// The command's name on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Incremental => "incremental",
            Self::Worker => "worker",
            Self::Web => "web",
            Self::DropObjects => "drop-objects",
            Self::FetchBackup => "fetch-backup",
            Self::Enrich => "enrich",
        }
    }
}

/// All settings. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// When runs start.
    pub schedule: Option<CronSchedule>,
    /// How late a run may start.
    pub latest_start: TimeDelta,
    /// The time zone of the schedule, of "today", and of displayed times.
    pub zone: Tz,
    /// Where the backup comes from.
    pub backup: Backup,
    /// The databases.
    pub databases: Databases,
    /// What is restored, and how.
    pub restore: Restore,
    /// How incremental tables are copied.
    pub incremental: Incremental,
    /// What happens after a failure.
    pub retry: RetryPolicy,
    /// Which URLs are notified of the outcome of a run.
    pub notifications: Vec<Webhook>,
    /// The language of reports; `None` is the locale's.
    pub report_lang: Option<Lang>,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// The app that nocturne itself runs in.
    pub app: Option<String>,
    /// The web process.
    pub web: Web,
    settings: Vec<Setting>,
}

/// What is restored, and how.
#[derive(Clone, Debug)]
pub struct Restore {
    /// How many sessions work in parallel; at least 1.
    pub jobs: usize,
    /// Whether foreign keys are restored.
    pub foreign_keys: bool,
    /// How each table is restored.
    pub tables: TableModes,
    /// Whether a name that matches nothing is an error.
    pub strict: bool,
    /// Entries that are not restored.
    pub exclude: Vec<EntryPattern>,
    /// Errors of the server that do not fail a run.
    pub tolerate: Vec<Tolerance>,
    /// Whether to ignore what earlier runs restored, and restore everything again.
    pub from_scratch: bool,
    /// Whether only what differs is changed, where that is possible.
    pub delta: bool,
    /// Whether a new database replaces the old one at the end.
    pub swap: bool,
    /// The template of that new database.
    pub swap_template: Option<String>,
    /// Whether objects of other roles in the old database may be dropped with it.
    pub swap_drops_others: bool,
    /// How long dropping an object may wait for a lock; `None` is no limit.
    pub drop_timeout: Option<Duration>,
    /// The folder of files that create the warehouse's own indexes and views.
    pub enrichment: PathBuf,
    /// The folder of files that run between the stages.
    pub hooks: Option<PathBuf>,
}

/// The web process.
#[derive(Clone, Debug)]
pub struct Web {
    /// The port to listen on; 0 picks any free port.
    pub port: Option<u16>,
    /// The token that gives access to the pages about runs.
    pub status_token: Option<SecretString>,
}

impl Config {
    /// Reads all variables, and checks those that the command uses. `variable` looks one up: pass
    /// `|name| std::env::var(name).ok()` for the environment of the process.
    ///
    /// Files that a database URL refers to, such as a certificate, are read from disk.
    ///
    /// # Errors
    /// [`ConfigProblems`]: everything that is wrong or missing for that command.
    pub fn for_command(
        command: NightCommand,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigProblems> {
        let mut reader = VariableReader::new(&variable);
        let mut config = Self::read(&mut reader);
        config.require(command, &mut reader);
        let VariableReader { mut problems, settings, .. } = reader;
        config.settings = settings;
        config.settings.retain(|setting| setting.variable.commands.contains(&command));
        problems.retain(|problem| problem.variable.commands.contains(&command));
        // In the order of the table, one per variable: a wrong value is also reported as missing.
        let place = |variable: &Variable| table::all().position(|other| other == variable);
        config.settings.sort_by_key(|setting| place(setting.variable));
        problems.sort_by_key(|problem| place(problem.variable));
        problems.dedup_by(|second, first| second.variable == first.variable);
        if problems.is_empty() { Ok(config) } else { Err(ConfigProblems(problems)) }
    }

    /// The effective settings that the command reads, without secrets.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Whether a variable is set; its default does not count.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.settings.iter().any(|setting| setting.variable.name == name && !setting.is_default)
    }

    fn read(reader: &mut VariableReader<'_>) -> Self {
        let zone = reader
            .read(&table::SCHEDULE_TIMEZONE, |name| schedule::zone(name).ok_or(Wrong::Unexpected));
        let zone = zone.unwrap_or_default();
        Self {
            schedule: reader.read(&table::SCHEDULE, |text| {
                CronSchedule::parse(text, zone)
                    .map_err(|error| Wrong::Because(format!("\"{text}\": {error}")))
            }),
            latest_start: latest_start(reader),
            zone,
            backup: backup::read(reader),
            databases: databases::read(reader),
            restore: Restore::read(reader),
            incremental: incremental::read(reader),
            retry: retry(reader),
            notifications: notifications::read(reader),
            report_lang: reader.word(&table::REPORT_LANG, &[("en", Lang::En), ("fr", Lang::Fr)]),
            log_format: reader
                .word(&table::LOG_FORMAT, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
                .unwrap_or_default(),
            app: reader.string(&table::APP),
            web: Web {
                port: reader.number(&table::PORT).and_then(|port| u16::try_from(port).ok()),
                status_token: reader.read(&table::STATUS_TOKEN, status_token),
            },
            settings: Vec::new(),
        }
    }

    /// Checks the settings that a command requires.
    fn require(&self, command: NightCommand, reader: &mut VariableReader<'_>) {
        let fetches =
            matches!(command, NightCommand::Run | NightCommand::Worker | NightCommand::FetchBackup);
        let mut needed = Vec::new();
        if command == NightCommand::Worker {
            needed.push((&table::SCHEDULE, self.schedule.is_some(), String::new()));
        }
        if fetches && self.backup.elsewhere.is_none() {
            let unless = ", unless BACKUP_SOURCE is set";
            needed.push((&table::SCALINGO_APP, self.backup.app.is_some(), unless.to_owned()));
            needed.push((
                &table::SCALINGO_API_TOKEN,
                self.backup.token.is_some(),
                unless.to_owned(),
            ));
        }
        let target = self.databases.target.is_some();
        match command {
            NightCommand::Run
            | NightCommand::Worker
            | NightCommand::DropObjects
            | NightCommand::Enrich => {
                needed.push((&table::DATABASE_URL, target, String::new()));
            }
            NightCommand::Incremental => {
                let target = self.databases.incremental_target.is_some();
                let or = ", unless TARGET_DATABASE_URL is set";
                needed.push((&table::DATABASE_URL, target, or.to_owned()));
                let source = self.databases.source.is_some();
                needed.push((&table::SOURCE_DATABASE_URL, source, String::new()));
            }
            NightCommand::Web => {
                needed.push((&table::PORT, self.web.port.is_some(), String::new()));
                if self.web.status_token.is_some() {
                    let because = " because STATUS_TOKEN is set: runs are recorded there";
                    needed.push((&table::DATABASE_URL, target, because.to_owned()));
                }
            }
            NightCommand::FetchBackup => {}
        }
        let is_night = matches!(command, NightCommand::Run | NightCommand::Worker);
        if is_night && self.restore.tables.has_incremental() {
            let because = " because there are incremental tables";
            let source = self.databases.source.is_some();
            needed.push((&table::SOURCE_DATABASE_URL, source, because.to_owned()));
            if self.restore.swap {
                reader.problem(
                    &table::SWAP,
                    "cannot be combined with incremental tables, which only exist in the old \
                     database",
                );
            }
        }
        if is_night && self.restore.delta && self.restore.swap {
            reader.problem(
                &table::DELTA,
                "cannot be combined with SWAP: it needs no second database",
            );
        }
        for (variable, is_there, more) in needed {
            // A wrong value is already reported as such.
            if !is_there && !reader.is_set(variable) {
                reader.problem(variable, format!("required by \"{}\"{more}", command.word()));
            }
        }
    }
}

impl Restore {
    fn read(reader: &mut VariableReader<'_>) -> Self {
        let number = |number: Option<u64>| number.unwrap_or_default();
        Self {
            jobs: usize::try_from(number(reader.number(&table::PG_RESTORE_JOBS))).unwrap_or(1),
            foreign_keys: reader.flag(&table::RESTORE_FK_CONSTRAINTS),
            tables: table_modes::read(reader),
            strict: reader.flag(&table::BACKUP_MODE_STRICT),
            exclude: entries::exclude(reader),
            tolerate: entries::tolerate(reader),
            from_scratch: reader.flag(&table::FROM_SCRATCH),
            delta: reader.flag(&table::DELTA),
            swap: reader.flag(&table::SWAP),
            swap_template: reader.string(&table::SWAP_TEMPLATE),
            swap_drops_others: reader.flag(&table::SWAP_DROPS_OTHERS),
            drop_timeout: Some(number(reader.number(&table::DROP_TIMEOUT_MS)))
                .filter(|millis| *millis > 0)
                .map(Duration::from_millis),
            enrichment: enrichment(reader),
            hooks: reader.string(&table::HOOKS_DIR).map(PathBuf::from),
        }
    }
}

/// The enrichment folder. The default is the one deployed with the program (`bin` and `sql` next to
/// each other), wherever the program is started; otherwise the one in the working directory.
fn enrichment(reader: &mut VariableReader<'_>) -> PathBuf {
    let is_named = reader.is_set(&table::ENRICHMENT_DIR);
    let folder = PathBuf::from(reader.string(&table::ENRICHMENT_DIR).unwrap_or_default());
    if is_named {
        return folder;
    }
    let program = std::env::current_exe().ok();
    let deployed = program.as_deref().and_then(|file| Some(file.parent()?.parent()?.join(&folder)));
    match deployed.filter(|deployed| deployed.is_dir()) {
        Some(deployed) => deployed,
        // Absolute, so that messages show where it was looked up.
        None => std::path::absolute(&folder).unwrap_or(folder),
    }
}

fn latest_start(reader: &mut VariableReader<'_>) -> TimeDelta {
    let minutes = reader.number(&table::SCHEDULE_LATEST_START_MINUTES).unwrap_or_default();
    TimeDelta::minutes(i64::try_from(minutes).unwrap_or_default())
}

fn retry(reader: &mut VariableReader<'_>) -> RetryPolicy {
    let retries = reader.number(&table::MAX_RETRY_COUNT);
    let (min, max) = (reader.number(&table::MIN_TIMEOUT), reader.number(&table::MAX_TIMEOUT));
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        reader.problem(&table::MIN_TIMEOUT, format!("{min} is greater than MAX_TIMEOUT ({max})"));
    }
    let warn_after = reader.number(&table::RETRIES_TIMEOUT_MINUTES);
    RetryPolicy {
        retries: retries.and_then(|retries| u32::try_from(retries).ok()).unwrap_or_default(),
        min: Duration::from_millis(min.unwrap_or_default()),
        max: Duration::from_millis(max.unwrap_or_default()),
        warn_after: Duration::from_secs(60 * warn_after.unwrap_or_default()),
    }
}

/// It must fit into a header and be too long to guess.
fn status_token(text: &str) -> Result<SecretString, Wrong> {
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_visible && text.len() >= 16 { Ok(text.into()) } else { Err(Wrong::Unexpected) }
}
