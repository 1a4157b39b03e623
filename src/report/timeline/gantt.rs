//! The chart: stacked lanes, bars along the time, an axis above, a legend below.
//!
//! Widths are relative to the chart's, so that it fits any screen and can be zoomed without a
//! script; text keeps its size, and a bar clips a label that does not fit. Its tooltip has the full
//! text. Colours are classes, see [`super::page`].

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, TimeDelta};
use maud::{Markup, html};

use super::axis::{self, Tick};
use super::kind::WorkKind;
use crate::report::{units, wording};

/// Height of a lane, in pixels: a bar and the space around it.
const LANE: usize = 30;
/// Height of a bar.
const BAR: usize = 22;
/// Height of the axis.
const AXIS: usize = 24;
/// Bars narrower than this percentage have no label at any zoom.
const LABELLED: f64 = 0.2;
/// Zoom factors, and how many ticks fit.
const ZOOMS: [(&str, u64); 3] = [("1", 10), ("4", 40), ("16", 160)];

/// Work over time.
#[derive(Clone, Debug, Default)]
pub struct Gantt {
    /// A short description of the chart, for screen readers.
    pub title: String,
    /// The names of the lanes, from the top: sessions, stages, days.
    pub lanes: Vec<String>,
    /// The bars. Bars of one lane should not overlap; later ones cover earlier ones.
    pub bars: Vec<Bar>,
    /// The time represented by the whole width.
    pub length: Duration,
    /// The start of that time: if given, the axis shows times of day, otherwise elapsed times.
    pub origin: Option<DateTime<FixedOffset>>,
}

/// A task in a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The lane's number, from 0. A bar of a missing lane is not drawn.
    pub lane: usize,
    /// Its start, relative to the chart's start.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
    /// The kind of work.
    pub kind: WorkKind,
    /// Its label, `TABLE DATA public.users`.
    pub label: String,
    /// Details for the tooltip: rows, bytes, an error. May be empty.
    pub detail: String,
    /// How it is highlighted.
    pub mark: BarMark,
}

/// How a bar is highlighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BarMark {
    /// Not highlighted.
    #[default]
    Plain,
    /// It failed.
    Failed,
    /// It is on the critical path.
    Critical,
    /// Its end is unknown.
    Open,
}

impl BarMark {
    /// Its class, and its word in the legend.
    fn names(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Plain => None,
            Self::Failed => Some(("failed", "failed")),
            Self::Critical => Some(("critical", "critical path")),
            Self::Open => Some(("open", "end unknown")),
        }
    }
}

impl Gantt {
    /// The chart as an HTML figure. Its colours are in [`super::page::STYLE`].
    #[must_use]
    pub fn markup(&self) -> Markup {
        let height = AXIS + self.lanes.len() * LANE;
        html! {
            figure.gantt {
                form.zoom {
                    fieldset {
                        legend { "Zoom" }
                        @for (index, (zoom, _)) in ZOOMS.iter().enumerate() {
                            label {
                                input type="radio" name="zoom" value=(zoom) checked[index == 0];
                                (zoom) "×"
                            }
                        }
                    }
                }
                .chart {
                    ol.lanes {
                        @for lane in &self.lanes {
                            li { (wording::one_line(lane)) }
                        }
                    }
                    .scroll tabindex="0" role="region" aria-label=(self.title) {
                        svg width="100%" height=(height) role="img" aria-label=(self.description()) {
                            (self.stripes())
                            (self.axis(height))
                            @for bar in self.drawn() { (self.bar(bar)) }
                            (self.crosses())
                        }
                    }
                }
                (self.legend())
            }
        }
    }

    fn description(&self) -> String {
        format!("{}: {} bars in {} lanes", self.title, self.bars.len(), self.lanes.len())
    }

    /// A band behind every second lane, so that the eye can follow it.
    fn stripes(&self) -> Markup {
        html! {
            @for lane in (0..self.lanes.len()).step_by(2) {
                rect.stripe x="0" width="100%" y=(AXIS + lane * LANE) height=(LANE) {}
            }
        }
    }

    fn axis(&self, height: usize) -> Markup {
        html! {
            @for (zoom, most) in ZOOMS {
                g.axis.{ "z" (zoom) } {
                    @for Tick { at, text } in axis::ticks(self.length, self.origin, most) {
                        @let x = percent(self.share(at));
                        line x1=(x) x2=(x) y1=(AXIS - 6) y2=(height) {}
                        // A text near the right edge would be clipped.
                        @if self.share(at) <= 100.0 - 60.0 / most as f64 {
                            text x=(x) dx="4" y=(AXIS - 9) { (text) }
                        }
                    }
                }
            }
        }
    }

    fn bar(&self, bar: &Bar) -> Markup {
        let from = self.share(bar.start);
        let width = (self.share(bar.end) - from).max(0.0);
        let (x, y) = (percent(from), top(bar));
        let class = match bar.mark.names() {
            Some((mark, _)) => format!("bar {} {mark}", bar.kind.class()),
            None => format!("bar {}", bar.kind.class()),
        };
        let title = self.tooltip(bar);
        html! {
            @if width < LABELLED {
                rect class={ (class) " thin" } x=(x) y=(y) width=(percent(width)) height=(BAR) {
                    title { (title) }
                }
            } @else {
                svg class=(class) x=(x) y=(y) width=(percent(width)) height=(BAR) {
                    title { (title) }
                    rect width="100%" height="100%" {}
                    text x="5" y=(BAR - 7) { (short(&bar.label)) }
                }
            }
        }
    }

    /// Crosses above failed bars: visible even on thin bars, and without colour.
    fn crosses(&self) -> Markup {
        html! {
            @for bar in self.drawn().filter(|bar| bar.mark == BarMark::Failed) {
                text.cross x=(percent(self.share(bar.start))) y=(top(bar) + 5) {
                    "✕"
                    title { (self.tooltip(bar)) }
                }
            }
        }
    }

    fn drawn(&self) -> impl Iterator<Item = &Bar> {
        self.bars.iter().filter(|bar| bar.lane < self.lanes.len())
    }

    fn tooltip(&self, bar: &Bar) -> String {
        let mut text = wording::one_line(&bar.label);
        if let Some((_, word)) = bar.mark.names() {
            text = format!("{text}: {word}");
        }
        let took = units::duration(bar.end.saturating_sub(bar.start));
        text = format!("{text}\n{took}, from {}", self.moment(bar.start));
        if !bar.detail.is_empty() {
            text = format!("{text}\n{}", wording::one_line(&bar.detail));
        }
        text
    }

    /// A time in the axis's format.
    fn moment(&self, at: Duration) -> String {
        let clock =
            self.origin.and_then(|origin| origin.checked_add_signed(TimeDelta::from_std(at).ok()?));
        match clock {
            Some(time) => time.format("%H:%M:%S").to_string(),
            None => format!("+{}", units::duration(at)),
        }
    }

    fn legend(&self) -> Markup {
        let kinds: BTreeSet<WorkKind> = self.bars.iter().map(|bar| bar.kind).collect();
        let marks = [BarMark::Failed, BarMark::Critical, BarMark::Open]
            .into_iter()
            .filter(|mark| self.bars.iter().any(|bar| bar.mark == *mark))
            .filter_map(BarMark::names);
        html! {
            @if !kinds.is_empty() {
                ul.legend {
                    @for kind in kinds {
                        li { span class={ "swatch " (kind.class()) } {} (kind.word()) }
                    }
                    @for (class, word) in marks {
                        li { span class={ "swatch " (class) } {} (word) }
                    }
                }
            }
        }
    }

    /// A time's position, in percent of the width.
    fn share(&self, at: Duration) -> f64 {
        if self.length.is_zero() {
            return 0.0;
        }
        (at.as_secs_f64() / self.length.as_secs_f64() * 100.0).min(100.0)
    }
}

/// A label without the leading kind, which the colour shows: `public.users` for
/// `TABLE DATA public.users`. A label that does not start with a kind is unchanged.
fn short(label: &str) -> String {
    let is_kind = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
    let name = label.split_inclusive(' ').skip_while(|word| is_kind(word.trim_end()));
    let name: String = name.collect();
    wording::one_line(if name.is_empty() { label } else { &name })
}

/// The position of a bar's upper edge.
fn top(bar: &Bar) -> usize {
    AXIS + bar.lane * LANE + (LANE - BAR) / 2
}

/// Four decimals resolve a pixel in a chart of a million.
fn percent(share: f64) -> String {
    format!("{share:.4}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(lane: usize, start: u64, end: u64, label: &str) -> Bar {
        Bar {
            lane,
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
            kind: WorkKind::Index,
            label: label.to_owned(),
            detail: String::new(),
            mark: BarMark::Plain,
        }
    }

    fn gantt(bars: Vec<Bar>) -> Gantt {
        Gantt {
            title: "A restore".into(),
            lanes: vec!["session 1".into(), "session 2".into()],
            bars,
            length: Duration::from_secs(100),
            origin: None,
        }
    }

    #[test]
    fn bar_position_matches_its_time() {
        let markup = gantt(vec![bar(1, 25, 75, "INDEX a")]).markup().into_string();
        let place = "x=\"25.0000%\" y=\"58\" width=\"50.0000%\"";
        assert!(markup.contains(place), "{markup}");
        assert!(markup.contains("<title>INDEX a\n50.0 s, from +25.0 s</title>"), "{markup}");
    }

    #[test]
    fn bar_label_omits_the_kind() {
        assert_eq!(short("TABLE DATA public.USERS"), "public.USERS");
        assert_eq!(short("dropping existing objects"), "dropping existing objects");
        assert_eq!(short("EXTENSION"), "EXTENSION");
        assert_eq!(short(""), "");
    }

    #[test]
    fn hostile_label_is_escaped() {
        let markup = gantt(vec![bar(0, 0, 50, "<script>alert(1)</script>\u{202e}")]).markup();
        assert!(!markup.0.contains("<script>"), "{}", markup.0);
        assert!(!markup.0.contains('\u{202e}'));
    }

    #[test]
    fn failed_bar_of_zero_length_is_marked() {
        let failed = Bar { mark: BarMark::Failed, ..bar(0, 10, 10, "INDEX a") };
        let markup = gantt(vec![failed]).markup().into_string();
        assert!(markup.contains("class=\"bar k-index failed thin\""), "{markup}");
        assert!(markup.contains("✕"), "{markup}");
        assert!(markup.contains("swatch failed"), "{markup}");
    }

    #[test]
    fn legend_lists_only_drawn_kinds() {
        let markup = gantt(vec![bar(0, 0, 1, "INDEX a")]).markup().into_string();
        assert!(markup.contains("swatch k-index"));
        assert!(!markup.contains("swatch k-data"));
        assert!(!markup.contains("swatch failed"));
    }

    #[test]
    fn bars_outside_the_chart_are_harmless() {
        let far = Bar { end: Duration::MAX, ..bar(0, 50, 60, "far") };
        let backwards = bar(0, 60, 50, "backwards");
        let nowhere = bar(9, 0, 1, "nowhere");
        let markup = gantt(vec![far, backwards, nowhere]).markup().into_string();
        assert!(!markup.contains("nowhere"));
        assert!(!markup.contains("NaN") && !markup.contains("\"-"), "{markup}");
        let empty = Gantt { length: Duration::ZERO, ..gantt(vec![bar(0, 0, 1, "a")]) };
        assert!(!empty.markup().0.contains("NaN"));
    }
}
