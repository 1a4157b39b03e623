//! A run built from its events rather than from a log: the report at the end of each night.

use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

use super::logged_run::{ItemEnd, LoggedRun, Moment, NightEntry, Part, RunEnd, StageSpan};
use crate::replicate::stages::Stage;
use crate::report::timeline::{Recording, Span, SpanEnd};

impl LoggedRun {
    /// The run with these stages, with this restore, if any, and with this end and its time. Times
    /// of day use `ended`'s offset.
    #[must_use]
    pub fn of_night(
        mut stages: Vec<StageSpan>,
        restore: Option<&Recording>,
        end: RunEnd,
        ended: Moment,
    ) -> Self {
        stages.sort_by_key(|span| span.start);
        let began = restore.and_then(|recording| recording.started_at);
        let first = stages.first().map(|span| span.start);
        let zone = *ended.offset();
        let first = first.or(began.map(|at| at.with_timezone(&zone))).unwrap_or(ended);
        let mut run = Self::new(None, true, first);
        let started = |stage| stages.iter().find(|span| span.stage == stage).map(|s| s.start);
        let done = |stage| {
            let of_stage = |span: &&StageSpan| span.stage == stage && !span.failed;
            stages.iter().rev().find(of_stage).and_then(|span| span.end)
        };
        run.last = ended;
        run.end = end;
        run.backup = started(Stage::FindBackup);
        run.restore = started(Stage::Restore);
        run.restored = done(Stage::Restore);
        run.enriched = done(Stage::Enrich);
        run.stages = stages;
        if let (Some(recording), Some(began)) = (restore, began) {
            run.items = items(recording, began, &zone);
            let own = recording.failures.iter().filter(|failed| !failed.follows);
            for failed in own {
                run.note_error(format!("{} failed: {}", failed.entry.label(), failed.message));
            }
        }
        run
    }
}

/// The entries of a recording. If an entry has several spans, the last one is the item's, and the
/// earlier ones are its parts.
fn items(
    recording: &Recording,
    began: DateTime<Utc>,
    zone: &chrono::FixedOffset,
) -> Vec<NightEntry> {
    let moment = |after: Duration| {
        let after = TimeDelta::from_std(after).ok();
        let at = after.and_then(|after| began.checked_add_signed(after)).unwrap_or(began);
        at.with_timezone(zone)
    };
    let mut items: Vec<NightEntry> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for span in &recording.spans {
        let (start, end) = (moment(span.start), moment(span.end));
        let id = u64::try_from(span.entry.dump_id).unwrap_or_default();
        let place = *places.entry((id, &span.entry.desc)).or_insert_with(|| {
            items.push(item(span, id));
            items.len() - 1
        });
        let item = &mut items[place];
        if let (Some(start), Some(end)) = (item.start, item.end) {
            item.parts.push(Part { lane: item.lane, start, end });
        }
        item.lane = Some(span.lane.0);
        (item.start, item.end) = (Some(start), Some(end));
        item.took = Some(item.took.unwrap_or_default().saturating_add(span.took()));
        item.rows = item.rows.saturating_add(span.rows);
        item.bytes = item.bytes.saturating_add(span.bytes);
        item.outcome = match span.outcome {
            SpanEnd::Done => ItemEnd::Done,
            SpanEnd::Skipped => ItemEnd::Skipped,
            SpanEnd::Tolerated => ItemEnd::Tolerated,
            SpanEnd::Failed | SpanEnd::RolledBack => ItemEnd::Failed,
            SpanEnd::Paused | SpanEnd::Open => ItemEnd::Unknown,
        };
        if span.outcome == SpanEnd::Open {
            item.end = None;
        }
    }
    NightEntry::sort(&mut items);
    items
}

fn item(span: &Span, id: u64) -> NightEntry {
    let kind = span.entry.desc.clone();
    NightEntry { kind, label: span.entry.label(), id, ..NightEntry::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replicate::run_report::{Lang, Shape, text};
    use crate::restore::event::{EntryRef, LaneId};

    fn at(seconds: i64) -> Moment {
        let paris = chrono::FixedOffset::east_opt(7200).unwrap();
        DateTime::from_timestamp(1_600_000_000 + seconds, 0).unwrap().with_timezone(&paris)
    }

    fn stage(stage: Stage, start: i64, end: i64) -> StageSpan {
        StageSpan { stage, start: at(start), end: Some(at(end)), failed: false }
    }

    fn span(dump_id: i32, lane: usize, outcome: SpanEnd, start: u64, end: u64) -> Span {
        Span {
            lane: LaneId(lane),
            entry: EntryRef {
                dump_id,
                desc: "CONSTRAINT".into(),
                schema: Some("public".into()),
                name: "a a_pkey".into(),
            },
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
            outcome,
            rows: 0,
            bytes: 0,
            read: 0,
            message: None,
        }
    }

    #[test]
    fn finished_night_is_reported_like_a_logged_one() {
        let recording = Recording {
            started_at: Some(at(100).to_utc()),
            spans: vec![span(7, 0, SpanEnd::Paused, 0, 20), span(7, 1, SpanEnd::Done, 50, 51)],
            length: Duration::from_secs(60),
            ..Recording::default()
        };
        let stages = vec![
            stage(Stage::Restore, 99, 161),
            stage(Stage::FindBackup, 0, 5),
            stage(Stage::Enrich, 161, 170),
        ];
        let run = LoggedRun::of_night(stages, Some(&recording), RunEnd::Done, at(171));
        assert!(run.is_complete());
        let step = run.items[0].parts[0];
        assert_eq!((step.lane, step.start, step.end), (Some(0), at(100), at(120)));
        let told = text::report(&[run], Lang::Fr);
        let lines: Vec<&str> = told.lines().take(4).collect();
        assert_eq!(
            lines,
            [
                "Durée de récupération du backup: 0h 1min 39s",
                "Durée de réplication: 0h 1min 2s",
                "Durée de l'enrichissement: 0h 0min 9s",
                "Durée totale: 0h 2min 51s",
            ]
        );
        assert!(told.contains("\tCONSTRAINT public.a a_pkey : 0h 0min 21s\n"), "{told}");
    }

    #[test]
    fn night_that_skips_its_restore_is_complete() {
        let found = stage(Stage::FindBackup, 0, 5);
        let copied = stage(Stage::Incremental, 5, 65);
        let told = |stages: &[StageSpan], end, lang| {
            let run = LoggedRun::of_night(stages.to_vec(), None, end, at(70));
            assert_eq!(run.shape(), Shape::AlreadyRestored);
            text::report(&[run], lang)
        };
        assert_eq!(
            told(std::slice::from_ref(&found), RunEnd::Done, Lang::En),
            "Run of 2020-09-13 at 14:26:40: complete, backup already restored\n\
             Total: 0h 1min 10s\n"
        );
        assert_eq!(
            told(
                &[found.clone(), copied.clone(), stage(Stage::Enrich, 65, 69)],
                RunEnd::Done,
                Lang::Fr
            ),
            "Exécution du 2020-09-13 à 14:26:40 : complète, backup déjà restauré\n\
             Durée de l'enrichissement: 0h 0min 4s\n\
             Durée de la copie incrémentale: 0h 1min 0s\n\
             Durée totale: 0h 1min 10s\n"
        );
        let failed = told(&[found, copied], RunEnd::Failed, Lang::En);
        assert!(failed.contains(": failed, backup already restored\n"), "{failed}");
        assert!(!failed.contains("Replication"), "{failed}");
    }

    #[test]
    fn night_without_a_backup_has_an_unknown_restore() {
        let failed = StageSpan { failed: true, ..stage(Stage::FindBackup, 0, 5) };
        let run = LoggedRun::of_night(vec![failed], None, RunEnd::Failed, at(5));
        let told = text::report(&[run], Lang::En);
        assert!(told.starts_with("Run of 2020-09-13 at 14:26:40: failed\n"), "{told}");
        assert!(told.contains("Replication: unknown"), "{told}");
    }
}
