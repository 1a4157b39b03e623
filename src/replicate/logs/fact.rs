//! What a line means for a run, if anything.
//!
//! The replaced system's lines are text, or JSON objects with the text as `msg`; the relevant ones
//! are its markers and the lines that pg_restore writes with `--verbose` and several jobs
//! (`launching item`, `finished item`: `pg_backup_archiver.c`). [`super::nocturne`] reads
//! nocturne's own.

use serde_json::{Map, Value};

use super::{nocturne, stamp};
use crate::archive::Desc;
use crate::replicate::run_report::{ItemEnd, Moment};
use crate::replicate::stages::Stage;

/// Bytes of a name or message that are kept.
const MOST_TEXT: usize = 1024;

/// The meaning of a line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fact {
    pub(super) what: What,
    /// Whether nocturne wrote the line.
    pub(super) nocturne: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// A run, or another attempt, starts.
    RunStarted,
    /// A run succeeds.
    RunDone,
    /// A run fails, for this reason.
    RunFailed(String),
    /// A backup is requested.
    Backup,
    /// The restore starts.
    Restore,
    /// The restore is done.
    Restored,
    /// The enrichment is done.
    Enriched,
    /// A stage not covered above starts.
    StageStarted(Stage),
    /// A stage succeeds.
    StageDone(Stage),
    /// A stage fails, and for the same reason the run.
    StageFailed { stage: Stage, reason: String },
    /// Work on an entry starts.
    Started(About),
    /// Work on an entry ends.
    Finished(About, Ending),
    /// A job of a run, and with it the run, failed.
    JobFailed(String),
    /// An error.
    Error(String),
}

/// An entry, and the session that works on it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct About {
    pub(super) id: u64,
    pub(super) kind: String,
    pub(super) label: String,
    pub(super) lane: Option<usize>,
}

/// How work on an entry ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ending {
    pub(super) outcome: ItemEnd,
    pub(super) seconds: Option<f64>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// The error message, if it counts as an error.
    pub(super) error: Option<String>,
}

impl Fact {
    pub(super) fn is_nocturne(&self) -> bool {
        self.nocturne
    }

    /// The approximate memory that it uses.
    pub(super) fn size(&self) -> usize {
        let text = match &self.what {
            What::Started(about) | What::Finished(about, _) => about.label.len() + about.kind.len(),
            What::Error(message)
            | What::JobFailed(message)
            | What::RunFailed(message)
            | What::StageFailed { reason: message, .. } => message.len(),
            _ => 0,
        };
        size_of::<Self>() + text
    }
}

/// The meaning of a line without its prefix, and the time that the program itself wrote.
pub(super) fn fact(text: &str) -> (Option<Fact>, Option<Moment>) {
    if text.starts_with('{')
        && let Ok(object) = serde_json::from_str::<Map<String, Value>>(text)
    {
        return json(&object);
    }
    let inner = stamp::split(text);
    if let Some(what) = nocturne::text(inner.rest) {
        return (Some(Fact { what, nocturne: true }), inner.at);
    }
    (old(text).map(|what| Fact { what, nocturne: false }), None)
}

fn json(object: &Map<String, Value>) -> (Option<Fact>, Option<Moment>) {
    let at = ["timestamp", "time"].into_iter().find_map(|name| {
        let (at, _) = stamp::time(object.get(name)?.as_str()?)?;
        Some(at)
    });
    if let Some(fields) = object.get("fields").and_then(Value::as_object) {
        let level = object.get("level").and_then(Value::as_str).unwrap_or_default();
        let what = nocturne::json(level, fields);
        return (what.map(|what| Fact { what, nocturne: true }), at);
    }
    let Some(message) = object.get("msg").and_then(Value::as_str) else { return (None, at) };
    let what = old(message).or_else(|| {
        // bunyan's levels: 50 is an error, 60 is fatal.
        let level = object.get("level").and_then(Value::as_u64).unwrap_or_default();
        (level >= 50).then(|| What::Error(cut(message)))
    });
    (what.map(|what| Fact { what, nocturne: false }), at)
}

/// A message of the replaced system, or of its pg_restore.
fn old(text: &str) -> Option<What> {
    if let Some(about) = item(text, "launching item ") {
        return Some(What::Started(about));
    }
    if let Some(about) = item(text, "finished item ") {
        let ending = Ending { outcome: ItemEnd::Done, ..Ending::default() };
        return Some(What::Finished(about, ending));
    }
    let (stage, ended) =
        (|stage| Some(What::StageStarted(stage)), |stage| Some(What::StageDone(stage)));
    // In the order of a night. The first marker found in the line counts.
    let markers: [(&str, Option<What>); 19] = [
        ("Start replication and enrichment", Some(What::RunStarted)),
        ("Start import and enrichment", Some(What::RunStarted)),
        ("Starting job in Replication queue", Some(What::RunStarted)),
        ("Backup ID:", Some(What::Backup)),
        ("Start create Backup", Some(What::Backup)),
        ("Backup will be created", Some(What::Backup)),
        ("Start download backup", stage(Stage::Download)),
        ("Fin download backup", ended(Stage::Download)),
        ("End create Backup", ended(Stage::Download)),
        ("Start restore", Some(What::Restore)),
        ("Restore done", Some(What::Restored)),
        ("enrichment.add - Ended", ended(Stage::Enrich)),
        ("Full replication and enrichment done", Some(What::Enriched)),
        ("Import and enrichment done", Some(What::Enriched)),
        ("Start incremental replication", stage(Stage::Incremental)),
        ("Incremental replication done", ended(Stage::Incremental)),
        ("Start notification", stage(Stage::Notify)),
        ("Notification done", ended(Stage::Notify)),
        ("enrichment.add - Started", stage(Stage::Enrich)),
    ];
    let found = markers.into_iter().find(|(marker, _)| text.contains(marker));
    if let Some((_, what)) = found {
        return what;
    }
    if text.contains("Failed job in ") {
        return Some(What::JobFailed(cut(text)));
    }
    let errors = [
        "pg_restore: error:",
        "pg_restore: [archiver", // Before PostgreSQL 12.
        "Unable to ",
        "Backup download failed",
        "The backup for today is not available",
        "Received signal ",
    ];
    errors.into_iter().any(|words| text.contains(words)).then(|| What::Error(cut(text)))
}

/// `… launching item 4242 TABLE DATA answers`.
fn item(text: &str, words: &str) -> Option<About> {
    let (before, after) = text.split_once(words)?;
    // The words must be separate, as pg_restore writes them, not part of a longer word.
    if !before.is_empty() && !before.ends_with(' ') {
        return None;
    }
    let (number, label) = after.split_once(' ')?;
    let label = cut(label.trim_end());
    Some(About { id: number.parse().ok()?, kind: kind(&label), label, lane: None })
}

/// The kind at the start of a label: the longest one that PostgreSQL has, or else the first word.
pub(super) fn kind(label: &str) -> String {
    let ends = label.match_indices(' ').map(|(end, _)| end).chain([label.len()]);
    let known = |end: &usize| !matches!(Desc::from_text(&label[..*end]), Desc::Other(_));
    if let Some(end) = ends.take(5).filter(known).last() {
        return label[..end].to_owned();
    }
    label.split(' ').next().unwrap_or_default().to_owned()
}

/// The part of a text that is kept: its start.
pub(super) fn cut(text: &str) -> String {
    let end = (0..=text.len().min(MOST_TEXT)).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(text: &str) -> Option<What> {
        fact(text).0.map(|fact| fact.what)
    }

    #[test]
    fn pg_restore_lines_yield_entries() {
        let about = About {
            id: 4242,
            kind: "TABLE DATA".into(),
            label: "TABLE DATA answers".into(),
            lane: None,
        };
        let line = "pg_restore: launching item 4242 TABLE DATA answers";
        assert_eq!(what(line), Some(What::Started(about.clone())));
        let line = "pg_restore: finished item 4242 TABLE DATA answers";
        assert!(matches!(what(line), Some(What::Finished(found, _)) if found == about));
        assert_eq!(what("pg_restore: launching item x TABLE DATA answers"), None);
        assert_eq!(what("pg_restore: processing item 1 ENCODING ENCODING"), None);
    }

    #[test]
    fn markers_of_every_version_are_recognized() {
        for (line, expected) in [
            ("Backup ID: 5f91", What::Backup),
            ("Start restore", What::Restore),
            ("Restore done", What::Restored),
            (r#"{"name":"x","level":30,"msg":"Start create Backup","v":0}"#, What::Backup),
            (r#"{"level":30,"msg":"Import and enrichment done"}"#, What::Enriched),
            (r#"{"level":50,"msg":"something broke"}"#, What::Error("something broke".into())),
        ] {
            assert_eq!(what(line), Some(expected), "{line}");
        }
        assert_eq!(what(r#"{"level":30,"msg":"Start drop Objects AndRestoreBackup"}"#), None);
        assert_eq!(what(r#"{"level":30"#), None);
        assert_eq!(what("[]"), None);
    }

    #[test]
    fn longest_known_kind_is_recognized() {
        for (label, expected) in [
            ("TABLE DATA answers", "TABLE DATA"),
            ("TABLE answers", "TABLE"),
            ("FK CONSTRAINT answers answers_foreign", "FK CONSTRAINT"),
            ("SEQUENCE SET a_id_seq", "SEQUENCE SET"),
            ("MATERIALIZED VIEW DATA m", "MATERIALIZED VIEW DATA"),
            ("GADGET x", "GADGET"),
            ("", ""),
        ] {
            assert_eq!(kind(label), expected, "{label}");
        }
    }

    #[test]
    fn long_name_is_cut_at_a_character_boundary() {
        let label = "é".repeat(MOST_TEXT);
        assert_eq!(cut(&label).len(), MOST_TEXT);
        assert!(cut(&format!("x{label}")).len() < MOST_TEXT);
    }
}
