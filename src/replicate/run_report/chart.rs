//! The chart of a run: stages above, sessions below.

use chrono::TimeDelta;

use super::logged_run::{ItemEnd, LoggedRun, Moment, NightEntry, Part, since};
use crate::archive::Desc;
use crate::report::timeline::{Bar, BarMark, Gantt, WorkKind};
use crate::report::units;

impl LoggedRun {
    /// The chart: lanes for stages, then lanes for sessions.
    #[must_use]
    pub fn gantt(&self) -> Gantt {
        let mut bars = Vec::new();
        let mut stage_lanes = Lanes::default();
        for span in &self.stages {
            let end = span.end.unwrap_or(self.last);
            bars.push(Bar {
                lane: stage_lanes.place(span.start, end),
                start: since(self.first, span.start),
                end: since(self.first, end),
                kind: span.stage.kind(),
                label: span.stage.name().to_owned(),
                detail: String::new(),
                mark: match (span.failed, span.end) {
                    (true, _) => BarMark::Failed,
                    (false, None) => BarMark::Open,
                    (false, Some(_)) => BarMark::Plain,
                },
            });
        }
        let above = stage_lanes.count();
        let sessions = self.sessions(above, &mut bars);
        let mut lanes = vec!["stages".to_owned()];
        lanes.resize(above, String::new());
        lanes.extend((1..=sessions).map(|number| format!("session {number}")));
        Gantt {
            title: "Stages and sessions of the run, over time".to_owned(),
            lanes,
            bars,
            length: since(self.first, self.last),
            origin: Some(self.first),
        }
    }

    /// The bars of the entries, below `above` lanes. Returns how many lanes they need.
    ///
    /// pg_restore does not report which session does what: its entries are placed in the first free
    /// lane, which yields as many lanes as there were sessions.
    fn sessions(&self, above: usize, bars: &mut Vec<Bar>) -> usize {
        let mut free = Lanes::default();
        let mut count = 0;
        let mut put =
            |item: &NightEntry, lane: Option<usize>, start: Moment, end: Moment, mark: BarMark| {
                let lane = lane.unwrap_or_else(|| free.place(start, end));
                // A log may claim any number of sessions.
                if lane >= MOST_LANES {
                    return;
                }
                count = count.max(lane + 1);
                bars.push(Bar {
                    lane: above + lane,
                    start: since(self.first, start),
                    end: since(self.first, end),
                    kind: WorkKind::of(&Desc::from_text(&item.kind)),
                    label: item.label.clone(),
                    detail: match item.rows {
                        0 => String::new(),
                        rows => units::plural(rows, "row", "rows"),
                    },
                    mark,
                });
            };
        for item in &self.items {
            for Part { lane, start, end } in item.parts.iter().copied() {
                put(item, lane, start, end, BarMark::Plain);
            }
            let Some(start) = item.start.or(item.end) else { continue };
            let mark = match (item.outcome, item.end) {
                (ItemEnd::Failed, _) => BarMark::Failed,
                (_, None) => BarMark::Open,
                _ => BarMark::Plain,
            };
            put(item, item.lane, start, item.end.unwrap_or(self.last), mark);
        }
        count
    }
}

/// The maximum number of lanes in a chart.
const MOST_LANES: usize = 256;

/// Simultaneous lines reach the host one after the other: an entry may appear to start this much
/// before its predecessor ended.
const JITTER: TimeDelta = TimeDelta::milliseconds(100);

/// Lanes, filled from the top.
#[derive(Default)]
struct Lanes(Vec<Moment>);

impl Lanes {
    /// The first lane that is free at `start`; it is then occupied until `end`.
    fn place(&mut self, start: Moment, end: Moment) -> usize {
        let free = |busy: &Moment| *busy - start <= JITTER;
        let lane = self.0.iter().position(free).unwrap_or(self.0.len());
        if lane == self.0.len() {
            // Bars beyond them are not drawn.
            if lane < MOST_LANES {
                self.0.push(end);
            }
        } else {
            self.0[lane] = end;
        }
        lane
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}
