//! The page of a restore: its facts, its chart, and where the time went.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};

use super::gantt::{Bar, BarMark, Gantt};
use super::kind::WorkKind;
use super::page;
use super::recording::{FailedEntry, Recording, Span, SpanEnd};
use super::tables::{self, rate, share, some};
use super::totals::{Totals, WorkedEntry};
use crate::report::{units, wording};

impl Recording {
    /// The page, self-contained.
    #[must_use]
    pub fn page(&self) -> String {
        let archive = self.archive.as_deref().map_or_else(String::new, wording::one_line);
        let title = format!("Restore of {archive}");
        let totals = self.totals();
        let content = html! {
            h1 { (title) }
            p.lead { (self.place()) }
            (tables::facts(&self.facts(&totals)))
            (self.verdict())
            h2 { "Timeline" }
            (self.gantt().markup())
            h2 { "Time by kind" }
            (tables::kinds(&totals))
            h2 { "Sessions" }
            (self.sessions())
            h2 { "Longest entries" }
            (tables::longest(&totals, self.length))
            (self.failed())
        };
        page::document("en", &title, &content).into_string()
    }

    /// The chart: one lane per session, and one for steps, if any.
    #[must_use]
    pub fn gantt(&self) -> Gantt {
        let mut lanes = Vec::new();
        let mut bars = Vec::new();
        if !self.steps.is_empty() {
            lanes.push("steps".to_owned());
            bars.extend(self.steps.iter().map(|step| Bar {
                lane: 0,
                start: step.start,
                end: step.end,
                kind: WorkKind::Step,
                label: step.what.clone(),
                detail: String::new(),
                mark: BarMark::Plain,
            }));
        }
        let first = lanes.len();
        lanes.extend((1..=self.lanes()).map(|number| format!("session {number}")));
        bars.extend(self.spans.iter().map(|span| bar(span, first)));
        Gantt {
            title: "What each session did, over time".to_owned(),
            lanes,
            bars,
            length: self.length,
            origin: None,
        }
    }

    /// The work by entry: the spans of an entry are added up.
    #[must_use]
    pub fn totals(&self) -> Totals {
        // A table's statistics have its entry's number.
        let mut works: BTreeMap<(i32, &str), WorkedEntry> = BTreeMap::new();
        for span in &self.spans {
            let work = works.entry((span.entry.dump_id, &span.entry.desc)).or_insert_with(|| {
                WorkedEntry {
                    kind: span.entry.desc.clone(),
                    label: span.entry.label(),
                    took: Duration::ZERO,
                    rows: 0,
                    bytes: 0,
                }
            });
            work.took = work.took.saturating_add(span.took());
            work.rows = work.rows.saturating_add(span.rows);
            work.bytes = work.bytes.saturating_add(span.bytes);
        }
        Totals::of(works.into_values().collect())
    }

    /// The number of sessions: those requested, or more if more were used.
    fn lanes(&self) -> usize {
        let used = self.spans.iter().map(|span| span.lane.0 + 1).max().unwrap_or(0);
        used.max(self.jobs)
    }

    fn place(&self) -> String {
        let mut text = String::new();
        if let Some(target) = &self.target {
            text = format!("into {}", wording::one_line(target));
        }
        if let Some(version) = &self.server_version {
            text = format!("{text}, PostgreSQL {}", wording::one_line(version));
        }
        if let Some(start) = self.started_at {
            text = format!("{text}, on {}", start.format("%Y-%m-%d at %H:%M:%S UTC"));
        }
        text.trim_start_matches(", ").to_owned()
    }

    fn facts(&self, totals: &Totals) -> Vec<(&'static str, String)> {
        let (rows, bytes) = (totals.rows(), totals.bytes());
        let read: u64 = self.spans.iter().map(|span| span.read).sum();
        let entries =
            totals.work.iter().filter(|work| work.colour() != WorkKind::Statistics).count();
        let there = self.length.saturating_mul(u32::try_from(self.lanes()).unwrap_or(u32::MAX));
        let with_rate = |number: u64| match units::byte_rate(number, self.data_time()) {
            Some(rate) => format!("{}, {rate}", units::bytes(number)),
            None => units::bytes(number),
        };
        let mut facts = vec![
            ("wall time", units::duration(self.length)),
            ("sessions", self.lanes().to_string()),
            ("sessions busy", share(totals.took(), there)),
            ("entries processed", format!("{entries} of {}", self.wanted)),
        ];
        if rows > 0 {
            facts.push(("rows", units::count(rows)));
        }
        if bytes > 0 {
            facts.push(("data sent", with_rate(bytes)));
        }
        if read > 0 {
            facts.push(("data read", with_rate(read)));
        }
        facts
    }

    /// The time from the start of the first data to the end of the last: the basis of rates.
    fn data_time(&self) -> Duration {
        let data = || self.spans.iter().filter(|span| span.bytes > 0 || span.read > 0);
        let start = data().map(|span| span.start).min().unwrap_or_default();
        let end = data().map(|span| span.end).max().unwrap_or_default();
        end.saturating_sub(start)
    }

    fn verdict(&self) -> Markup {
        let own = self.failures.iter().filter(|failed| !failed.follows).count() as u64;
        let all = self.failures.len() as u64;
        html! {
            @if all == 0 {
                p.good { "No entry failed." }
            } @else {
                p.bad {
                    (units::plural(all, "entry", "entries")) " failed, "
                    (units::count(own)) " of them independently."
                }
            }
        }
    }

    fn sessions(&self) -> Markup {
        html! {
            .table {
                table {
                    thead {
                        tr {
                            th { "session" } th { "busy" } th { "idle" } th { "idle share" }
                            th { "tasks" } th { "rows" } th { "sent" } th { "rate" }
                        }
                    }
                    tbody {
                        @for lane in 0..self.lanes() {
                            (self.session(lane))
                        }
                    }
                }
            }
        }
    }

    fn session(&self, lane: usize) -> Markup {
        let spans = || self.spans.iter().filter(|span| span.lane.0 == lane);
        let busy = spans().fold(Duration::ZERO, |sum, span| sum.saturating_add(span.took()));
        let idle = self.length.saturating_sub(busy);
        let (rows, bytes) = (spans().map(|s| s.rows).sum(), spans().map(|s| s.bytes).sum());
        let sending = spans().filter(|span| span.bytes > 0).map(Span::took).sum();
        html! {
            tr {
                td { (lane + 1) }
                td { (units::duration(busy)) }
                td { (units::duration(idle)) }
                td { (share(idle, self.length)) }
                td { (units::count(spans().count() as u64)) }
                td { (some(rows, units::count)) }
                td { (some(bytes, units::bytes)) }
                td { (rate(bytes, sending)) }
            }
        }
    }

    fn failed(&self) -> Markup {
        html! {
            @if !self.failures.is_empty() {
                h2 { "Failed entries" }
                .table {
                    table {
                        thead {
                            tr { th { "entry" } th.code { "SQLSTATE" } th.text { "message" } }
                        }
                        tbody {
                            @for FailedEntry { entry, message, sqlstate, .. } in &self.failures {
                                tr {
                                    td.text { (wording::label(entry)) }
                                    td.code { (sqlstate.as_deref().map(wording::one_line).unwrap_or_default()) }
                                    td.text { (wording::one_line(message)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn bar(span: &Span, first: usize) -> Bar {
    let mut detail = Vec::new();
    if span.rows > 0 {
        detail.push(units::plural(span.rows, "row", "rows"));
    }
    if span.bytes > 0 {
        detail.push(format!("{} sent", units::bytes(span.bytes)));
        detail.extend(units::byte_rate(span.bytes, span.took()));
    }
    let (mark, word) = match span.outcome {
        SpanEnd::Done => (BarMark::Plain, None),
        SpanEnd::Paused => (BarMark::Plain, Some("continued later")),
        SpanEnd::Skipped => (BarMark::Plain, Some("skipped")),
        SpanEnd::Tolerated => (BarMark::Plain, Some("rejected, tolerated")),
        SpanEnd::Failed => (BarMark::Failed, None),
        SpanEnd::RolledBack => (BarMark::Failed, Some("rolled back")),
        SpanEnd::Open => (BarMark::Open, None),
    };
    detail.extend(word.map(str::to_owned));
    detail.extend(span.message.clone());
    Bar {
        lane: first + span.lane.0,
        start: span.start,
        end: span.end,
        kind: WorkKind::of(&span.entry.kind()),
        label: span.entry.label(),
        detail: detail.join(", "),
        mark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restore::event::{EntryRef, LaneId};

    fn span(lane: usize, dump_id: i32, desc: &str, start: u64, end: u64) -> Span {
        Span {
            lane: LaneId(lane),
            entry: EntryRef { dump_id, desc: desc.into(), schema: None, name: "a<b".into() },
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
            outcome: SpanEnd::Done,
            rows: 0,
            bytes: 0,
            read: 0,
            message: None,
        }
    }

    fn recording(spans: Vec<Span>) -> Recording {
        Recording {
            archive: Some("<app>.dump".into()),
            jobs: 3,
            wanted: 2,
            length: Duration::from_secs(10),
            spans,
            ..Recording::default()
        }
    }

    #[test]
    fn page_shows_the_main_facts() {
        let data = Span { rows: 1000, bytes: 5_000_000, ..span(0, 1, "TABLE DATA", 0, 5) };
        let page = recording(vec![data, span(1, 2, "INDEX", 5, 10)]).page();
        for text in [
            "Restore of &lt;app&gt;.dump",
            "<dt>wall time</dt><dd>10.0 s</dd>",
            "<dt>sessions busy</dt><dd>33 %</dd>",
            "<dt>data sent</dt><dd>5.0 MB, 1.0 MB/s</dd>",
            "<td>3</td><td>0 ms</td><td>10.0 s</td><td>100 %</td>",
            "No entry failed.",
        ] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        assert!(!page.contains("a<b"));
    }

    #[test]
    fn spans_of_one_entry_are_added_up() {
        let totals = recording(vec![
            span(0, 1, "CONSTRAINT", 0, 2),
            span(1, 1, "CONSTRAINT", 5, 6),
            span(0, 2, "INDEX", 3, 4),
        ])
        .totals();
        assert_eq!(totals.work.len(), 2);
        assert_eq!(totals.work[0].took, Duration::from_secs(3));
    }
}
