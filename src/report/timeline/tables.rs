//! The tables of a page: facts, totals by kind, the longest entries.

use std::time::Duration;

use maud::{Markup, html};

use super::kind::WorkKind;
use super::page::swatch;
use super::totals::{Totals, WorkedEntry};
use crate::archive::Desc;
use crate::report::{units, wording};

/// How many of the longest entries a page lists.
const LISTED_ENTRIES: usize = 20;

/// Facts as names and values.
pub(crate) fn facts(facts: &[(&str, String)]) -> Markup {
    html! {
        dl.facts {
            @for (what, how_much) in facts {
                div { dt { (what) } dd { (how_much) } }
            }
        }
    }
}

/// The time that each kind of entry took.
pub(crate) fn kinds(totals: &Totals) -> Markup {
    let all = totals.took();
    let with_rows = totals.kinds.iter().any(|kind| kind.rows > 0);
    html! {
        .table {
            table {
                thead {
                    tr {
                        th { "kind" }
                        th { "entries" }
                        th { "session time" }
                        th { "share" }
                        @if with_rows { th { "rows" } th { "sent" } th { "rate per session" } }
                        th { "longest" }
                        th.text { "" }
                    }
                }
                tbody {
                    @for kind in &totals.kinds {
                        tr {
                            td {
                                (swatch(WorkKind::of(&Desc::from_text(&kind.kind))))
                                (wording::one_line(&kind.kind))
                            }
                            td { (units::count(kind.count)) }
                            td { (units::duration(kind.took)) }
                            td { (share(kind.took, all)) }
                            @if with_rows {
                                td { (some(kind.rows, units::count)) }
                                td { (some(kind.bytes, units::bytes)) }
                                td { (rate(kind.bytes, kind.took)) }
                            }
                            td { (units::duration(kind.longest.took)) }
                            td.text { (name(&kind.longest)) }
                        }
                    }
                }
                tfoot {
                    tr {
                        td { "total" }
                        td { (units::count(totals.work.len() as u64)) }
                        td { (units::duration(all)) }
                        td {}
                        @if with_rows {
                            td { (units::count(totals.rows())) }
                            td { (units::bytes(totals.bytes())) }
                            td {}
                        }
                        td {}
                        td.text {}
                    }
                }
            }
        }
    }
}

/// The longest entries, and their share of the whole run.
pub(crate) fn longest(totals: &Totals, run: Duration) -> Markup {
    let rows: Vec<&WorkedEntry> = totals.work.iter().take(LISTED_ENTRIES).collect();
    let with_rows = rows.iter().any(|work| work.rows > 0);
    html! {
        .table {
            table {
                thead {
                    tr {
                        th { "entry" }
                        th { "session time" }
                        th { "share of run" }
                        @if with_rows { th { "rows" } th { "rows/s" } th { "sent" } th { "rate" } }
                    }
                }
                tbody {
                    @for work in rows {
                        tr {
                            td.text { (swatch(work.colour())) (wording::one_line(&work.label)) }
                            td { (units::duration(work.took)) }
                            td { (share(work.took, run)) }
                            @if with_rows {
                                td { (some(work.rows, units::count)) }
                                td {
                                    @if work.rows > 0 {
                                        @if let Some(rate) = units::per_second(work.rows, work.took) {
                                            (units::count(rate))
                                        }
                                    }
                                }
                                td { (some(work.bytes, units::bytes)) }
                                td { (rate(work.bytes, work.took)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The entry without its kind, which has its own column.
fn name(work: &WorkedEntry) -> String {
    let name = work.label.strip_prefix(work.kind.as_str()).unwrap_or(&work.label);
    wording::one_line(name.trim_start())
}

/// Zeros stay empty, so that other numbers stand out.
pub(super) fn some(number: u64, text: impl Fn(u64) -> String) -> String {
    if number == 0 { String::new() } else { text(number) }
}

pub(super) fn rate(bytes: u64, time: Duration) -> String {
    if bytes == 0 { String::new() } else { units::byte_rate(bytes, time).unwrap_or_default() }
}

/// A part of a whole: `12 %`, `0.3 %`.
pub(crate) fn share(part: Duration, whole: Duration) -> String {
    if whole.is_zero() {
        return String::new();
    }
    let percent = part.as_secs_f64() / whole.as_secs_f64() * 100.0;
    // Nor a decimal for a number that would round to ten.
    if percent >= 9.95 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_short() {
        let share = |part| share(Duration::from_millis(part), Duration::from_secs(1));
        assert_eq!(share(0), "0.0 %");
        assert_eq!(share(3), "0.3 %");
        assert_eq!(share(99), "9.9 %");
        assert_eq!(share(100), "10 %");
        assert_eq!(share(1200), "120 %");
    }
}
