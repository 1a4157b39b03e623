//! All forms of one report.

use super::*;
use crate::archive::tests::entry::bare;
use crate::archive::{Compression, Desc, DumpId, Place};
use crate::plan::PlanBuildOptions;
use crate::plan::cost::CostInputs;
use crate::select::Pass;

/// A table of 100 MB with an index; its name would be harmful in markup.
fn report(compare: bool) -> PlanReport {
    report_for(Workers::new(2), compare)
}

fn report_for(workers: Workers, compare: bool) -> PlanReport {
    let named = |id, desc, tag: &str, defn: &str, after: &[i32]| Entry {
        tag: tag.to_owned(),
        namespace: Some("public".to_owned()),
        defn: defn.to_owned(),
        dependencies: after.iter().copied().map(DumpId).collect(),
        ..bare(id, desc)
    };
    let entries = [
        named(
            1,
            Desc::Table,
            "t",
            "CREATE TABLE public.t (\n    id bigint,\n    name text\n);\n",
            &[],
        ),
        named(2, Desc::TableData, "<b>\"t\"", "", &[1]),
        named(3, Desc::Index, "i", "CREATE INDEX i ON public.t USING btree (name);\n", &[1]),
    ];
    let size = |place: Place| (place == Place(1)).then_some(100_000_000);
    let order = [0, 1, 2].map(Place);
    let mut plan =
        Plan::new(&entries, &order, |_| true, |_| Pass::Main, size, PlanBuildOptions::default());
    let known = CostInputs { compression: Compression::None, size: &size, history: None };
    let costs = Costs::new(&plan, &entries, known);
    let subject = Subject {
        archive: "app.dump",
        database: "app",
        entries: &entries,
        history: None,
        workers,
        compare,
    };
    PlanReport::new(subject, &mut plan, &costs, Vec::new())
}

#[test]
fn text_has_wall_time_bound_and_critical_path() {
    let text = report(true).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "plan of app.dump, database app");
    assert_eq!(lines[1], "1 definition first, then 2 jobs over 2 sessions");
    assert!(lines[3].starts_with("predicted wall time  "), "{text}");
    assert!(lines[4].starts_with("lower bound  "), "{text}");
    assert!(text.contains("all of it from the model, nothing measured yet"), "{text}");
    let path = lines.iter().position(|line| line.starts_with("critical path, ")).unwrap();
    assert_eq!(
        lines[path + 1].split_whitespace().collect::<Vec<_>>(),
        ["at", "least", "starts", "cost", "from", "job"]
    );
    assert!(lines[path + 2].ends_with("TABLE DATA public.<b>\"t\""), "{text}");
    assert!(lines[path + 3].ends_with("INDEX public.i"), "{text}");
    // Each figure has one name.
    assert!(lines[4].contains("by the critical path; "), "{text}");
    assert!(lines[4].contains(" of definitions, then "), "{text}");
    assert!(!text.contains("longest chain"), "{text}");
    let compared = lines.iter().filter(|line| line.contains('×')).count();
    assert_eq!(compared, COMPARED.len(), "{text}");
}

#[test]
fn json_has_every_job_with_time_and_dependencies() {
    let json: serde_json::Value = serde_json::from_str(&report(false).json().unwrap()).unwrap();
    let jobs = json["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 2);
    let index = jobs.iter().find(|job| job["desc"] == "INDEX").unwrap();
    assert_eq!(index["after"], serde_json::json!([0]));
    assert_eq!((&index["basis"], &index["step"]), (&"model".into(), &"entire".into()));
    assert!(index["seconds"].as_f64().unwrap() > 1.0);
    assert_eq!(json["critical_path"], serde_json::json!([0, 1]));
    assert!(json["comparison"].is_null());
    let (wall, bound) = (json["wall_seconds"].as_f64(), json["lower_bound_seconds"].as_f64());
    assert!(wall >= bound);
}

#[test]
fn graph_has_a_node_per_job_with_escaped_quotes() {
    let dot = report(false).dot();
    assert!(dot.starts_with("digraph plan {\n") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("j0 [label=\"TABLE DATA public.<b>\\\"t\\\"\\n"), "{dot}");
    assert!(dot.contains("j0 -> j1 [color="), "the longest chain is thick: {dot}");
}

#[test]
fn page_is_self_contained_and_escapes_names() {
    let page = report(true).page();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    assert!(!page.contains("<b>"), "{page}");
    for word in ["http:", "https:", "src=", "@import", "url(", "<script"] {
        assert!(!page.contains(word), "{word}");
    }
    for word in ["Predicted timeline", "Critical path", "pg_restore", "session 2"] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn dependencies_skip_unselected_jobs() {
    let mut jobs: Vec<_> = (0..3).map(crate::plan::tests::job).collect();
    jobs[1].after = vec![JobId(0)];
    jobs[1].wanted = false;
    jobs[2].after = vec![JobId(1)];
    let plan = Plan { prelude: vec![], jobs };
    assert_eq!(wanted_before(&plan, JobId(2)), [0]);
}

#[test]
fn tables_are_not_split_on_two_processors() {
    let shared = report_for(Workers::with_processors(2, Some(2)), false);
    let rows = |report: &PlanReport| {
        report.jobs.iter().find(|job| job.entry.desc == "TABLE DATA").cloned().unwrap()
    };
    let took = |job: &PlannedJob| job.end_seconds - job.start_seconds;
    let alone = rows(&shared);
    assert_eq!((took(&alone), alone.least_seconds), (alone.seconds, alone.seconds));
    let helped = rows(&report(false));
    assert!(took(&helped) < helped.seconds && helped.least_seconds < helped.seconds);
    // The path takes the sum of its jobs, which bounds a plan that consists of one chain.
    for report in [shared, report(false)] {
        let sum: Duration = report.chain().iter().map(|job| job.least_seconds).sum();
        assert!(report.critical_seconds.abs_diff(sum) < Duration::from_micros(10));
        let bound = report.prelude_seconds + report.critical_seconds;
        assert_eq!(report.lower_bound_seconds, bound);
    }
}
