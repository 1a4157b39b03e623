//! A plan as a Graphviz graph (<https://graphviz.org/doc/info/lang.html>).

use std::fmt::Write;

use super::{PlanReport, PlannedJob};
use crate::report::timeline::WorkKind;
use crate::report::units;

impl PlanReport {
    /// The jobs and their dependencies, for `dot -Tsvg`. The critical path is drawn thick.
    #[must_use]
    pub fn dot(&self) -> String {
        let mut text = String::from(
            "digraph plan {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", \
             fontname=\"sans-serif\", fontsize=10, color=\"#ffffff\", fontcolor=\"#ffffff\"];\n  \
             edge [color=\"#9aa0a8\", arrowsize=0.6];\n",
        );
        let mut jobs: Vec<&PlannedJob> = self.jobs.iter().collect();
        jobs.sort_by_key(|job| job.job);
        let chain: std::collections::HashSet<(usize, usize)> =
            self.critical_path.windows(2).map(|pair| (pair[0], pair[1])).collect();
        for job in &jobs {
            let border = if job.critical { ", color=\"#1b1f24\", penwidth=3" } else { "" };
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "  j{} [label=\"{}\\n{}\", fillcolor=\"{}\"{border}];",
                job.job,
                quoted(&job.label()),
                units::duration(job.seconds),
                colour(WorkKind::of(&job.entry.kind())),
            );
        }
        for job in &jobs {
            for earlier in &job.after {
                let critical = chain.contains(&(*earlier, job.job));
                let style = if critical { " [color=\"#1b1f24\", penwidth=2.5]" } else { "" };
                let _ = writeln!(text, "  j{earlier} -> j{}{style};", job.job);
            }
        }
        text + "}\n"
    }
}

/// Escapes a text for double quotes.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The colours of the charts, on a light background.
fn colour(kind: WorkKind) -> &'static str {
    match kind {
        WorkKind::Data => "#2563a8",
        WorkKind::Index => "#0d7268",
        WorkKind::Constraint => "#7645b8",
        WorkKind::ForeignKey => "#a84b08",
        WorkKind::View => "#b3266b",
        _ => "#66707b",
    }
}
