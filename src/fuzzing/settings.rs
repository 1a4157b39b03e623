//! Text from users and other programs: settings, schedules, lists, logs.

use chrono::{TimeZone, Utc};

use crate::archive::{Desc, DumpId, Entry, Section};
use crate::replicate::config::{Config, NightCommand, table};
use crate::replicate::run_report::Lang;
use crate::replicate::schedule::{self, CronSchedule};
use crate::replicate::{logs, run_report};
use crate::select::{FilterFile, ListFile};
use crate::server::{ConnectOptions, Target};

/// A log of nightly runs, reported in every format.
///
/// # Panics
/// When a report shows sixty seconds, or a line forged by the log.
pub fn logs(bytes: &[u8]) {
    let Ok(log) = logs::read(bytes) else { return };
    for lang in [Lang::En, Lang::Fr] {
        let text = run_report::text::report(&log.runs, lang);
        assert!(!text.lines().any(|line| line.ends_with(" 60s")), "{text}");
        assert!(!text.contains(['\r', '\u{1b}']), "{text}");
    }
    let page = run_report::page(&log.runs, "fuzz");
    assert!(!page.contains("<script"), "{page}");
}

/// A cron expression after a first byte that selects a time zone.
///
/// # Panics
/// When times do not increase, or differ for the formatted expression.
pub fn cron(bytes: &[u8]) {
    let Some((zone, text)) = bytes.split_first() else { return };
    let zones = ["UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"];
    let zone = zones.get(usize::from(*zone) % zones.len()).and_then(|name| schedule::zone(name));
    let Ok(schedule) =
        CronSchedule::parse(&String::from_utf8_lossy(text), zone.unwrap_or_default())
    else {
        return;
    };
    let start = Utc.timestamp_opt(1_800_000_000, 0).single().unwrap_or_default();
    let times: Vec<_> = schedule.upcoming(start).take(5).collect();
    assert!(times.first().is_none_or(|first| *first > start), "{schedule} {times:?}");
    assert!(times.is_sorted_by(|one, next| one < next), "{schedule} {times:?}");
    let again =
        CronSchedule::parse(&schedule.to_string(), schedule.zone()).expect("it was read once");
    assert!(again.upcoming(start).take(5).eq(times), "{schedule}");
}

/// A list of entries (`-L`) and a filter file.
///
/// # Panics
/// When the result has a duplicate or unknown entry.
pub fn lists(bytes: &[u8]) {
    let ids = [1, 2, 3, 5, 2_147_483_647];
    let entries = ids.map(|id| Entry::bare(id, Desc::Table, Section::PreData));
    if let Ok(list) = ListFile::parse(bytes, &entries) {
        let mut ids: Vec<DumpId> = list.ids().to_vec();
        assert!(ids.iter().all(|id| entries.iter().any(|entry| entry.dump_id == *id)));
        ids.sort_unstable();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    }
    let _ = FilterFile::parse(bytes);
}

/// The variables of every command, as lines of `NAME=value`, with the last value also parsed as a
/// connection string.
///
/// # Panics
/// When a secret is shown.
pub fn variables(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let variable = |name: &str| {
        lines.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
    };
    // A shorter one may occur in ordinary text.
    let secrets = table::all().filter(|variable| variable.kind.is_secret());
    let secrets: Vec<String> = secrets
        .filter_map(|secret| {
            let value = variable(secret.name)?;
            // A path is not a secret, and of a URL only the signature is.
            let signature = || Some(value.split_once("://")?.1.split_once('?')?.1.to_owned());
            if secret.name == "BACKUP_SOURCE" { signature() } else { Some(value) }
        })
        .filter(|secret| secret.len() >= 12 && !secret.contains(' '))
        // A value that is also in another variable may be shown there.
        .filter(|secret| lines.iter().filter(|(_, value)| value.contains(secret)).count() == 1)
        .collect();
    for command in [
        NightCommand::Run,
        NightCommand::Worker,
        NightCommand::Web,
        NightCommand::Incremental,
        NightCommand::DropObjects,
        NightCommand::FetchBackup,
        NightCommand::Enrich,
    ] {
        let shown = match Config::for_command(command, variable) {
            Ok(config) => format!("{config:?}"),
            Err(problems) => format!("{problems} {problems:?}"),
        };
        for secret in &secrets {
            assert!(!shown.contains(secret), "{secret} is shown: {shown}");
        }
    }
    if let Some((_, url)) = lines.last() {
        let options = ConnectOptions { dbname: Some((*url).to_owned()), ..Default::default() };
        if let Ok(target) = Target::resolve(&options, &|_| None) {
            let _ = format!("{target} {target:?}");
        }
    }
}
