//! The chart: lanes below each other, bars along the time, an axis above, a legend below.
//!
//! Widths are shares of the chart's, so that it fits any screen and can be zoomed without a
//! script; text keeps its size, and a bar cuts off what of its label has no room. What a bar is
//! stands in its tooltip in full. Colours are classes, see [`super::page`].

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, TimeDelta};
use maud::{Markup, html};

use super::axis::{self, Tick};
use super::kind::Kind;
use crate::report::{units, wording};

/// Height of a lane, in pixels: a bar and the space below it.
const LANE: usize = 30;
/// Height of a bar.
const BAR: usize = 22;
/// Height of the axis.
const AXIS: usize = 24;
/// Bars that are a smaller share than this have no label, whatever the zoom.
const LABELLED: f64 = 0.2;
/// Zooms, and how many ticks fit there.
const ZOOMS: [(&str, u64); 3] = [("1", 10), ("4", 40), ("16", 160)];

/// Work over time.
#[derive(Clone, Debug, Default)]
pub struct Gantt {
    /// What the chart shows, in a few words, for those who cannot see it.
    pub title: String,
    /// The names of the lanes, from the top: sessions, stages, days.
    pub lanes: Vec<String>,
    /// What was done. Bars of one lane should not overlap; later ones cover earlier ones.
    pub bars: Vec<Bar>,
    /// The time that the whole width stands for.
    pub length: Duration,
    /// When that time began: the axis then shows times of day, else the time since then.
    pub origin: Option<DateTime<FixedOffset>>,
}

/// A piece of work in a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Number of the lane, from 0. A bar of a lane that is not there is not drawn.
    pub lane: usize,
    /// From when, counted from the chart's start.
    pub start: Duration,
    /// Until when.
    pub end: Duration,
    /// What kind of work.
    pub kind: Kind,
    /// What it is, `TABLE DATA public.users`.
    pub label: String,
    /// More of it, for the tooltip: rows, bytes, an error. May be empty.
    pub detail: String,
    /// What is special about it.
    pub mark: Mark,
}

/// What is special about a bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    #[default]
    Plain,
    /// It failed.
    Failed,
    /// It is on the critical path.
    Critical,
    /// Its end is not known.
    Open,
}

impl Mark {
    /// Its class, and its word in the legend.
    fn names(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Plain => None,
            Self::Failed => Some(("failed", "failed")),
            Self::Critical => Some(("critical", "critical path")),
            Self::Open => Some(("open", "end not known")),
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
                        // A text in the last of it would be cut off.
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

    /// Crosses above the bars that failed: seen however thin a bar is, and without its colour.
    fn crosses(&self) -> Markup {
        html! {
            @for bar in self.drawn().filter(|bar| bar.mark == Mark::Failed) {
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

    /// A time as the axis has it.
    fn moment(&self, at: Duration) -> String {
        let clock =
            self.origin.and_then(|origin| origin.checked_add_signed(TimeDelta::from_std(at).ok()?));
        match clock {
            Some(time) => time.format("%H:%M:%S").to_string(),
            None => format!("+{}", units::duration(at)),
        }
    }

    fn legend(&self) -> Markup {
        let kinds: BTreeSet<Kind> = self.bars.iter().map(|bar| bar.kind).collect();
        let marks = [Mark::Failed, Mark::Critical, Mark::Open]
            .into_iter()
            .filter(|mark| self.bars.iter().any(|bar| bar.mark == *mark))
            .filter_map(Mark::names);
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

    /// Where a time is, in percent of the width.
    fn share(&self, at: Duration) -> f64 {
        if self.length.is_zero() {
            return 0.0;
        }
        (at.as_secs_f64() / self.length.as_secs_f64() * 100.0).min(100.0)
    }
}

/// A label without the kind in front of it, which the colour tells: `public.users` of
/// `TABLE DATA public.users`. A label that does not begin with such words stays whole.
fn short(label: &str) -> String {
    let is_kind = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
    let name = label.split_inclusive(' ').skip_while(|word| is_kind(word.trim_end()));
    let name: String = name.collect();
    wording::one_line(if name.is_empty() { label } else { &name })
}

/// Where a bar's upper edge is.
fn top(bar: &Bar) -> usize {
    AXIS + bar.lane * LANE + (LANE - BAR) / 2
}

/// Four digits are a pixel in a chart of a million.
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
            kind: Kind::Index,
            label: label.to_owned(),
            detail: String::new(),
            mark: Mark::Plain,
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
    fn a_bar_lies_where_its_time_is() {
        let markup = gantt(vec![bar(1, 25, 75, "INDEX a")]).markup().into_string();
        let place = "x=\"25.0000%\" y=\"58\" width=\"50.0000%\"";
        assert!(markup.contains(place), "{markup}");
        assert!(markup.contains("<title>INDEX a\n50.0 s, from +25.0 s</title>"), "{markup}");
    }

    #[test]
    fn a_bar_shows_the_name_and_its_colour_the_kind() {
        assert_eq!(short("TABLE DATA public.USERS"), "public.USERS");
        assert_eq!(short("dropping existing objects"), "dropping existing objects");
        assert_eq!(short("EXTENSION"), "EXTENSION");
        assert_eq!(short(""), "");
    }

    #[test]
    fn a_hostile_label_is_text() {
        let markup = gantt(vec![bar(0, 0, 50, "<script>alert(1)</script>\u{202e}")]).markup();
        assert!(!markup.0.contains("<script>"), "{}", markup.0);
        assert!(!markup.0.contains('\u{202e}'));
    }

    #[test]
    fn a_failed_bar_is_marked_even_if_it_took_no_time() {
        let failed = Bar { mark: Mark::Failed, ..bar(0, 10, 10, "INDEX a") };
        let markup = gantt(vec![failed]).markup().into_string();
        assert!(markup.contains("class=\"bar k-index failed thin\""), "{markup}");
        assert!(markup.contains("✕"), "{markup}");
        assert!(markup.contains("swatch failed"), "{markup}");
    }

    #[test]
    fn the_legend_names_only_what_is_drawn() {
        let markup = gantt(vec![bar(0, 0, 1, "INDEX a")]).markup().into_string();
        assert!(markup.contains("swatch k-index"));
        assert!(!markup.contains("swatch k-data"));
        assert!(!markup.contains("swatch failed"));
    }

    #[test]
    fn bars_outside_the_chart_do_no_harm() {
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
