//! Runs as text, in the format of the replaced script, so that consumers of its output keep
//! working: four durations, then the time of each kind of entry and its three longest.
//!
//! A single complete run produces exactly those lines. Everything else (several runs, a missing
//! end, errors) gets separate lines. Seconds are rounded with a carry: the old script's
//! `2h 49min 60s` is `2h 50min 0s`.

use std::fmt::Write;
use std::time::Duration;

use super::logged_run::{LoggedRun, NightEntry, RunEnd, Shape, since};
use crate::shown::one_line;

/// The kinds that the old script reported, in its order: prefixes of the log's names of entries.
const KINDS: [&str; 5] = ["FK CONSTRAINT", "CONSTRAINT", "INDEX", "SEQUENCE", "TABLE DATA"];
/// The old script's wording.
const ENRICHMENT_FR: &str = "Durée de l'enrichissement";
/// How many of each kind's longest entries are listed.
const LISTED_ENTRIES: usize = 3;

/// The language of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// French, the old script's.
    Fr,
}

impl Lang {
    /// The language of a locale in the format of `LC_ALL` and `LANG`, `fr_FR.UTF-8`: French for
    /// French, English for all others.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("fr") { Self::Fr } else { Self::En }
    }

    fn of(self, en: &'static str, fr: &'static str) -> &'static str {
        match self {
            Self::En => en,
            Self::Fr => fr,
        }
    }
}

/// All runs, one after the other.
#[must_use]
pub fn report(runs: &[LoggedRun], lang: Lang) -> String {
    let mut text = String::new();
    for (index, run) in runs.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let heading = runs.len() > 1 || !run.is_complete() || run.shape() != Shape::Full;
        // Writing to a String does not fail.
        let _ = write_run(&mut text, run, heading.then_some((index, runs.len())), lang);
    }
    text
}

fn write_run(
    text: &mut String,
    run: &LoggedRun,
    place: Option<(usize, usize)>,
    lang: Lang,
) -> std::fmt::Result {
    if let Some((index, count)) = place {
        heading(text, run, index, count, lang)?;
    }
    durations(text, run, lang)?;
    if run.shape().restores() {
        for kind in KINDS {
            write_kind(text, run, kind)?;
        }
    }
    unfinished(text, run, lang)?;
    errors(text, run, lang)
}

/// `Exécution 1/2 du 2020-10-22 à 05:10:00 (background-1) : incomplète`.
fn heading(
    text: &mut String,
    run: &LoggedRun,
    index: usize,
    count: usize,
    lang: Lang,
) -> std::fmt::Result {
    text.push_str(lang.of("Run", "Exécution"));
    if count > 1 {
        write!(text, " {}/{count}", index + 1)?;
    }
    let start = run.start();
    let (day, time) = (start.format("%Y-%m-%d"), start.format("%H:%M:%S"));
    match lang {
        Lang::En => write!(text, " of {day} at {time}")?,
        Lang::Fr => write!(text, " du {day} à {time}")?,
    }
    if let Some(container) = &run.container {
        write!(text, " ({})", one_line(container))?;
    }
    text.push_str(match (run.end, run.is_complete()) {
        (RunEnd::Failed, _) => lang.of(": failed", " : en échec"),
        (_, false) => lang.of(": incomplete", " : incomplète"),
        (_, true) => lang.of(": complete", " : complète"),
    });
    if run.shape() == Shape::AlreadyRestored {
        text.push_str(lang.of(", backup already restored", ", backup déjà restauré"));
    }
    text.push('\n');
    Ok(())
}

fn durations(text: &mut String, run: &LoggedRun, lang: Lang) -> std::fmt::Result {
    let phases = run.phases();
    let shape = run.shape();
    if shape == Shape::Full {
        let name = lang.of("Backup retrieval", "Durée de récupération du backup");
        let lack = if run.backup.is_none() { "Backup ID" } else { "Start restore" };
        phase(text, name, phases.backup, run.backup, run, lack, lang)?;
    }
    if shape.restores() {
        let name = lang.of("Replication", "Durée de réplication");
        let lack = if run.restore.is_none() { "Start restore" } else { "Restore done" };
        phase(text, name, phases.replication, run.restore, run, lack, lang)?;
    }
    if shape == Shape::Full {
        let name = lang.of("Enrichment", ENRICHMENT_FR);
        phase(text, name, phases.enrichment, None, run, "Restore done", lang)?;
    } else if let (Shape::AlreadyRestored, Some(time)) = (shape, phases.enrichment) {
        writeln!(text, "{}: {}", lang.of("Enrichment", ENRICHMENT_FR), clock(time))?;
    }
    if let Some(time) = phases.incremental {
        let name = lang.of("Incremental copy", "Durée de la copie incrémentale");
        writeln!(text, "{name}: {}", clock(time))?;
    }
    let name = lang.of("Total", "Durée totale");
    let total = phases.total.unwrap_or_default();
    if run.is_complete() {
        writeln!(text, "{name}: {}", clock(total))
    } else {
        let until = lang.of("until the last line of the run", "jusqu'à sa dernière ligne");
        writeln!(text, "{name}: {} ({until})", clock(total))
    }
}

/// The line of a phase of the run, known or not.
fn phase(
    text: &mut String,
    name: &str,
    time: Option<Duration>,
    begun: Option<super::logged_run::Moment>,
    run: &LoggedRun,
    lack: &str,
    lang: Lang,
) -> std::fmt::Result {
    if let Some(time) = time {
        return writeln!(text, "{name}: {}", clock(time));
    }
    // nocturne's marker lines differ.
    let lack = match (run.nocturne, lack) {
        (false, lack) => lack,
        (true, "Backup ID") => "stage started stage=\"find-backup\"",
        (true, "Start restore") => "stage started stage=\"restore\"",
        (true, _) => "stage done stage=\"restore\"",
    };
    match (begun, lang) {
        (Some(begun), Lang::En) => {
            let least = clock(since(begun, run.last));
            writeln!(text, "{name}: at least {least} (no line \"{lack}\")")
        }
        (Some(begun), Lang::Fr) => {
            let least = clock(since(begun, run.last));
            writeln!(text, "{name}: au moins {least} (pas de ligne « {lack} »)")
        }
        (None, Lang::En) => writeln!(text, "{name}: unknown (no line \"{lack}\")"),
        (None, Lang::Fr) => writeln!(text, "{name}: inconnue (pas de ligne « {lack} »)"),
    }
}

fn write_kind(text: &mut String, run: &LoggedRun, kind: &str) -> std::fmt::Result {
    let of_kind = |item: &&NightEntry| item.label.starts_with(kind) && item.took.is_some();
    let mut items: Vec<&NightEntry> = run.items.iter().filter(of_kind).collect();
    NightEntry::longest_first(&mut items);
    let took = items.iter().filter_map(|item| item.took);
    let total = took.fold(Duration::ZERO, Duration::saturating_add);
    // The script wrote these words in English among French ones.
    writeln!(text, "{kind} total duration : {}", clock(total))?;
    for item in items.iter().take(LISTED_ENTRIES) {
        let took = clock(item.took.unwrap_or_default());
        writeln!(text, "\t{} : {took}", one_line(&item.label))?;
    }
    Ok(())
}

fn unfinished(text: &mut String, run: &LoggedRun, lang: Lang) -> std::fmt::Result {
    let count = run.unfinished().count();
    if count == 0 {
        return Ok(());
    }
    writeln!(text, "{}{count}", lang.of("Not finished: ", "Non terminés : "))?;
    for item in run.unfinished() {
        let Some(start) = item.start else { continue };
        let label = one_line(&item.label);
        let time = clock(since(start, run.last));
        match lang {
            Lang::En => writeln!(text, "\t{label} : at least {time}")?,
            Lang::Fr => writeln!(text, "\t{label} : au moins {time}")?,
        }
    }
    Ok(())
}

fn errors(text: &mut String, run: &LoggedRun, lang: Lang) -> std::fmt::Result {
    if run.error_count == 0 {
        return Ok(());
    }
    writeln!(text, "{}{}", lang.of("Errors: ", "Erreurs : "), run.error_count)?;
    for error in &run.errors {
        writeln!(text, "\t{}", one_line(error))?;
    }
    Ok(())
}

/// Hours, minutes and seconds, always all three, as in the old script; rounded with a carry.
fn clock(time: Duration) -> String {
    let seconds = (time.as_millis() + 500) / 1000;
    format!("{}h {}min {}s", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_never_reach_sixty() {
        for (millis, text) in [
            (0, "0h 0min 0s"),
            (179_000, "0h 2min 59s"),
            (179_499, "0h 2min 59s"),
            (179_500, "0h 3min 0s"),
            // The old script wrote 2h 49min 60s.
            (10_199_700, "2h 50min 0s"),
            (3_599_999, "1h 0min 0s"),
            (43_121_000, "11h 58min 41s"),
        ] {
            assert_eq!(clock(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn only_a_french_locale_means_french() {
        for (locale, lang) in [
            ("fr_FR.UTF-8", Lang::Fr),
            ("fr", Lang::Fr),
            ("fr_CA@euro", Lang::Fr),
            ("fr-FR", Lang::Fr),
            ("frr_DE", Lang::En),
            ("en_GB.UTF-8", Lang::En),
            ("C", Lang::En),
            ("", Lang::En),
        ] {
            assert_eq!(Lang::of_locale(locale), lang, "{locale}");
        }
    }
}
