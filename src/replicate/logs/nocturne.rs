//! Reads nocturne's own log lines, text and JSON.
//!
//! `crate::report::log`, [`crate::replicate::stages`] and the summary write them, in
//! tracing-subscriber's format: ` INFO INDEX public.a started dump_id=12 lane=1`, or an object with
//! `level` and `fields`.

use serde_json::{Map, Value};

use super::fact::{About, Ending, What, cut, kind};
use crate::replicate::run_report::ItemEnd;
use crate::replicate::stages::{
    RUN_DONE, RUN_FAILED, RUN_STARTED, STAGE_DONE, STAGE_FAILED, STAGE_STARTED, Stage,
};
use crate::report::log::{CONTINUED, STARTED};

/// The log levels, as tracing writes them.
pub(super) const LEVELS: [&str; 5] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];

/// The meaning of a text line without its time.
pub(super) fn text(line: &str) -> Option<What> {
    let trimmed = line.trim_start();
    let Some((level, message)) = trimmed.split_once(' ').filter(|(word, _)| LEVELS.contains(word))
    else {
        return summary(trimmed);
    };
    // At high verbosity, the module precedes the message.
    let message = match message.split_once(": ") {
        Some((target, rest)) if target.starts_with("nocturne::") && !target.contains(' ') => rest,
        _ => message,
    };
    let fields = Fields(message);
    run_or_stage(message, |name| fields.quoted(name))
        .or_else(|| entry_of_text(message, &fields))
        .or_else(|| {
            let begins = fields.number("wanted").is_some() && fields.number("with_data").is_some();
            begins.then_some(What::Restore)
        })
        .or_else(|| (level == "ERROR").then(|| What::Error(cut(message))))
}

/// The meaning of a JSON line's fields.
pub(super) fn json(level: &str, fields: &Map<String, Value>) -> Option<What> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let message = text("message")?;
    run_or_stage(message, |name| text(name).map(str::to_owned))
        .or_else(|| entry_of_json(message, fields))
        .or_else(|| match message {
            "summary" if fields.contains_key("summary") => Some(What::Restored),
            _ if fields.contains_key("wanted") && fields.contains_key("with_data") => {
                Some(What::Restore)
            }
            _ => None,
        })
        .or_else(|| (level == "ERROR").then(|| What::Error(cut(message))))
}

/// The lines of [`crate::replicate::stages`].
fn run_or_stage(message: &str, field: impl Fn(&str) -> Option<String>) -> Option<What> {
    // As text, fields follow the message.
    let is = |words: &str| {
        message.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let stage = || field("stage").and_then(|name| Stage::from_name(&name));
    if is(RUN_STARTED) {
        Some(What::RunStarted)
    } else if is(RUN_DONE) {
        Some(What::RunDone)
    } else if is(RUN_FAILED) {
        Some(What::RunFailed(cut(&field("error").unwrap_or_default())))
    } else if is(STAGE_STARTED) {
        stage().map(What::StageStarted)
    } else if is(STAGE_DONE) {
        stage().map(What::StageDone)
    } else if is(STAGE_FAILED) {
        let reason = cut(&field("error").unwrap_or_default());
        stage().map(|stage| What::StageFailed { stage, reason })
    } else {
        None
    }
}

/// The first line of a summary: `restore of app.dump took 1.6 s, 3 jobs`.
fn summary(line: &str) -> Option<What> {
    let rest = line.strip_prefix("restore ")?;
    let (_, end) = rest.rsplit_once("took ")?;
    (end.ends_with(" job") || end.ends_with(" jobs")).then_some(What::Restored)
}

/// `INDEX public.a done dump_id=12 lane=1 seconds=1.5`.
fn entry_of_text(message: &str, fields: &Fields<'_>) -> Option<What> {
    let (said, _) = message.rsplit_once(" dump_id=")?;
    let id = fields.number("dump_id")?;
    let lane = Some(fields.number("lane")?).and_then(|lane| usize::try_from(lane).ok());
    let about = |label: &str| {
        let label = cut(label);
        About { id, kind: kind(&label), label, lane }
    };
    if let Some(label) = starts(said) {
        return Some(What::Started(about(label)));
    }
    let ways = [
        ("skipped", ItemEnd::Skipped),
        ("tolerated", ItemEnd::Tolerated),
        ("failed", ItemEnd::Failed),
    ];
    let (label, outcome) = match said.strip_suffix(" done") {
        Some(label) => (label, ItemEnd::Done),
        None => ways.into_iter().find_map(|(word, outcome)| {
            let (label, _) = said.split_once(&format!(" {word}: "))?;
            Some((label, outcome))
        })?,
    };
    let ending = Ending {
        outcome,
        seconds: fields.value("seconds").and_then(|text| text.parse().ok()),
        rows: fields.number("rows").unwrap_or(0),
        bytes: fields.number("bytes").unwrap_or(0),
        error: (outcome == ItemEnd::Failed).then(|| cut(said)),
    };
    Some(What::Finished(about(label), ending))
}

/// The entry's label in a line that reports the start or continuation of work.
fn starts(said: &str) -> Option<&str> {
    let ways = [STARTED, CONTINUED];
    ways.into_iter().find_map(|word| said.strip_suffix(word)?.strip_suffix(' '))
}

fn entry_of_json(message: &str, fields: &Map<String, Value>) -> Option<What> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    let (kind, name) = (text("kind")?, text("name")?);
    let label = match text("schema") {
        Some(schema) => format!("{kind} {schema}.{name}"),
        None => format!("{kind} {name}"),
    };
    let about = About {
        id: number("dump_id")?,
        kind: cut(kind),
        label: cut(&label),
        lane: number("lane").and_then(|lane| usize::try_from(lane).ok()),
    };
    let outcome = match text("outcome") {
        None => return starts(message).map(|_| What::Started(about)),
        Some("done") => ItemEnd::Done,
        Some("skipped") => ItemEnd::Skipped,
        Some("tolerated") => ItemEnd::Tolerated,
        Some("failed") => ItemEnd::Failed,
        Some(_) => return None,
    };
    let ending = Ending {
        outcome,
        seconds: fields.get("seconds").and_then(Value::as_f64),
        rows: number("rows").unwrap_or(0),
        bytes: number("bytes").unwrap_or(0),
        error: (outcome == ItemEnd::Failed).then(|| cut(message)),
    };
    Some(What::Finished(about, ending))
}

/// `name=value` pairs at the end of a text line. The last one of a name counts: a message may
/// contain text that looks like a pair.
struct Fields<'a>(&'a str);

impl Fields<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        let (_, after) = self.0.rsplit_once(&format!(" {name}="))?;
        Some(after.split(' ').next().unwrap_or(after))
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.value(name)?.parse().ok()
    }

    /// A quoted text, which ends at a quote before a space or at the end of the line.
    fn quoted(&self, name: &str) -> Option<String> {
        let (_, after) = self.0.split_once(&format!(" {name}=\""))?;
        let end = after.find("\" ").unwrap_or(after.len());
        Some(after[..end].trim_end_matches('"').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(lane: usize) -> About {
        About {
            id: 12,
            kind: "TABLE DATA".into(),
            label: "TABLE DATA public.users".into(),
            lane: Some(lane),
        }
    }

    #[test]
    fn text_and_json_of_an_entry_parse_alike() {
        let ending = Ending {
            outcome: ItemEnd::Done,
            seconds: Some(1.5),
            rows: 10,
            bytes: 2000,
            error: None,
        };
        let expected = Some(What::Finished(about(1), ending));
        let line = " INFO TABLE DATA public.users done dump_id=12 lane=1 rows=10 bytes=2000 \
                    read=500 seconds=1.5";
        assert_eq!(text(line), expected);
        let fields = serde_json::json!({
            "message": "TABLE DATA public.users done",
            "dump_id": 12, "kind": "TABLE DATA", "schema": "public", "name": "users",
            "lane": 1, "outcome": "done", "rows": 10, "bytes": 2000, "read": 500, "seconds": 1.5,
        });
        assert_eq!(json("INFO", fields.as_object().unwrap()), expected);
    }

    #[test]
    fn failed_entry_is_also_an_error() {
        let line = "ERROR TABLE DATA public.users failed: duplicate key (23505) dump_id=12 lane=0 \
                    seconds=0.5 sqlstate=\"23505\"";
        let Some(What::Finished(_, ending)) = text(line) else { panic!("{:?}", text(line)) };
        assert_eq!(ending.outcome, ItemEnd::Failed);
        let message = "TABLE DATA public.users failed: duplicate key (23505)";
        assert_eq!(ending.error.as_deref(), Some(message));
    }

    #[test]
    fn stages_parse_with_and_without_module() {
        let started = Some(What::StageStarted(Stage::Restore));
        assert_eq!(text(" INFO stage started stage=\"restore\""), started);
        let line = " INFO nocturne::report::stages: stage started stage=\"restore\"";
        assert_eq!(text(line), started);
        let line = "ERROR stage failed stage=\"download\" seconds=3.1 error=\"broken pipe\"";
        let failed = What::StageFailed { stage: Stage::Download, reason: "broken pipe".to_owned() };
        assert_eq!(text(line), Some(failed));
        assert_eq!(text(" INFO stage started stage=\"airtable\""), None);
        let line = "ERROR run failed seconds=3.1 error=\"no backup of today is done\"";
        assert_eq!(text(line), Some(What::RunFailed("no backup of today is done".into())));
    }

    #[test]
    fn single_restore_starts_with_plan_and_ends_with_summary() {
        let line = " INFO app.dump: 560 of 600 entries, data in 42 of them, 8 jobs entries=600 \
                    wanted=560 with_data=42 jobs=8";
        assert_eq!(text(line), Some(What::Restore));
        assert_eq!(text("restore of app.dump took 1.6 s, 3 jobs"), Some(What::Restored));
        assert_eq!(text("restore of app.dump took a while"), None);
    }
}
