//! A plan as a self-contained page.

use std::time::Duration;

use maud::{Markup, html};

use super::text::{SIMULATED, times};
use super::{PlanReport, PlannedJob};
use crate::report::timeline::{Bar, BarMark, Gantt, WorkKind, facts, page, share};
use crate::report::{units, wording};

/// The number of jobs that the page lists; the chart and the JSON have all.
const LISTED_JOBS: usize = 100;

impl PlanReport {
    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        let title = format!("Plan of {}", wording::one_line(&self.archive));
        let content = html! {
            h1 { (title) }
            p.lead {
                "Database " (wording::one_line(&self.database)) ". "
                (units::plural(self.prelude_entries as u64, "definition", "definitions"))
                " first, then " (units::plural(self.jobs.len() as u64, "job", "jobs")) "."
            }
            (facts(&self.facts()))
            p { "Lower bound " (self.bound_in_words()) ". Job time: " (self.basis_in_words()) "." }
            h2 { "Predicted timeline" }
            (self.gantt().markup())
            h2 { "Critical path" }
            (table(&self.chain(), self.critical_seconds, "at least", |job| job.least_seconds))
            (self.comparison())
            h2 {
                "Most expensive jobs"
                @if self.jobs.len() > LISTED_JOBS { ", " (LISTED_JOBS) " of " (self.jobs.len()) }
            }
            (table(
                &self.jobs.iter().take(LISTED_JOBS).collect::<Vec<_>>(),
                self.total_seconds,
                "cost",
                |job| job.seconds,
            ))
        };
        page::document("en", &title, &content).into_string()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("predicted wall time", units::duration(self.wall_seconds)),
            ("sessions", self.workers.to_string()),
            ("lower bound", units::duration(self.lower_bound_seconds)),
            ("above lower bound", {
                let over = self.wall_seconds.saturating_sub(self.lower_bound_seconds);
                share(over, self.lower_bound_seconds)
            }),
            ("definitions", units::duration(self.prelude_seconds)),
            ("total job time", units::duration(self.total_seconds)),
            ("critical path", units::duration(self.critical_seconds)),
        ];
        if let Some(night) = self.last_run {
            let took = Duration::try_from_secs_f64(night.seconds).unwrap_or_default();
            facts.push(("last run took", units::duration(took)));
        }
        facts
    }

    fn gantt(&self) -> Gantt {
        let mut bars: Vec<Bar> = self
            .jobs
            .iter()
            .map(|job| Bar {
                lane: job.worker,
                start: job.start_seconds,
                end: job.end_seconds,
                kind: WorkKind::of(&job.entry.kind()),
                label: job.label(),
                detail: format!("cost from: {}", job.source()),
                mark: if job.critical { BarMark::Critical } else { BarMark::Plain },
            })
            .collect();
        if !self.prelude_seconds.is_zero() {
            bars.push(Bar {
                lane: 0,
                start: Duration::ZERO,
                end: self.prelude_seconds,
                kind: WorkKind::Definition,
                label: "definitions".to_owned(),
                detail: String::new(),
                mark: BarMark::Plain,
            });
        }
        Gantt {
            title: "What each session would do, over time".to_owned(),
            lanes: (1..=self.workers).map(|number| format!("session {number}")).collect(),
            bars,
            length: self.wall_seconds,
            origin: None,
        }
    }

    fn comparison(&self) -> Markup {
        let Some(comparison) = &self.comparison else {
            return html! {};
        };
        html! {
            h2 { "The same work in pg_restore's order" }
            .table {
                table {
                    thead {
                        tr {
                            th { "sessions" } th { "pg_restore's order" } th { "nocturne" }
                            th { "faster" } th { "lower bound" }
                        }
                    }
                    tbody {
                        @for row in comparison {
                            tr {
                                td { (row.workers) }
                                td { (units::duration(row.pg_restore_seconds)) }
                                td { (units::duration(row.nocturne_seconds)) }
                                td { (times(row.pg_restore_seconds, row.nocturne_seconds)) }
                                td { (units::duration(row.lower_bound_seconds)) }
                            }
                        }
                    }
                }
            }
            p.lead { (SIMULATED) }
        }
    }
}

/// A table of jobs, with a cost of this name and its share of the total.
fn table(
    jobs: &[&PlannedJob],
    whole: Duration,
    name: &str,
    cost: impl Fn(&PlannedJob) -> Duration,
) -> Markup {
    html! {
        .table {
            table {
                thead {
                    tr {
                        th { "job" } th { (name) } th { "share" } th { "starts" } th { "session" }
                        th { "cost from" }
                    }
                }
                tbody {
                    @for job in jobs {
                        tr {
                            td.text { (page::swatch(WorkKind::of(&job.entry.kind()))) (job.label()) }
                            td { (units::duration(cost(job))) }
                            td { (share(cost(job), whole)) }
                            td { "+" (units::duration(job.start_seconds)) }
                            td { (job.worker + 1) }
                            td { (job.source()) }
                        }
                    }
                }
            }
        }
    }
}
