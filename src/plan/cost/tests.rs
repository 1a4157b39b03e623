use super::*;
use crate::archive::tests::entry::bare;
use crate::archive::{Desc, DumpId, Place};
use crate::plan::history::{CostHistory, Measured, MeasuredJobs, PastRun};
use crate::plan::{PlanBuildOptions, Step};
use crate::select::Pass;

/// A table with an index on a number, one on text, and a foreign key to itself.
fn archive() -> Vec<Entry> {
    let named = |id, desc, tag: &str, defn: &str, dependencies: &[i32]| Entry {
        tag: tag.to_owned(),
        namespace: Some("public".to_owned()),
        defn: defn.to_owned(),
        dependencies: dependencies.iter().copied().map(DumpId).collect(),
        ..bare(id, desc)
    };
    vec![
        named(
            1,
            Desc::Table,
            "t",
            "CREATE TABLE public.t (\n    id bigint,\n    name text\n);\n",
            &[],
        ),
        named(2, Desc::TableData, "t", "", &[1]),
        named(3, Desc::Index, "numbers", "CREATE INDEX n ON public.t USING btree (id);\n", &[1]),
        named(4, Desc::Index, "texts", "CREATE INDEX x ON public.t USING btree (name);\n", &[1]),
        named(
            5,
            Desc::FkConstraint,
            "t fk",
            "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES public.t(id);\n",
            &[1],
        ),
    ]
}

const DATA: JobId = JobId(0);
const NUMBERS: JobId = JobId(1);
const TEXTS: JobId = JobId(2);
const KEY: JobId = JobId(3);

fn costs(size: Option<u64>, history: Option<&Database>) -> Costs {
    let entries = archive();
    let order: Vec<Place> = (0..entries.len()).map(Place).collect();
    let size = |place: Place| size.filter(|_| place == Place(1));
    let plan =
        Plan::new(&entries, &order, |_| true, |_| Pass::Main, size, PlanBuildOptions::default());
    let known = CostInputs { compression: Compression::Gzip, size: &size, history };
    Costs::new(&plan, &entries, known)
}

fn seconds(costs: &Costs, id: JobId) -> f64 {
    costs.of(id).as_secs_f64()
}

#[test]
fn cost_grows_with_the_tables_size() {
    let (small, large) = (costs(Some(5_000_000), None), costs(Some(50_000_000), None));
    for id in [DATA, NUMBERS, KEY] {
        let ratio = seconds(&large, id) / seconds(&small, id);
        assert!((9.5..10.0).contains(&ratio), "{id:?}: {ratio}");
    }
    assert_eq!(large.kind(KEY), CostKind::ForeignKey);
    assert_eq!(large.basis(TEXTS), Basis::Model);
}

#[test]
fn finished_job_recalibrates_others_of_its_kind() {
    let mut costs = costs(Some(50_000_000), None);
    let (data, key) = (seconds(&costs, DATA), seconds(&costs, KEY));
    costs.observe(DATA, Duration::from_secs_f64(data * 3.0));
    assert!(seconds(&costs, DATA) > 2.5 * data);
    assert!(seconds(&costs, KEY) > 2.5 * key, "of this kind nothing else is known");
}

#[test]
fn loaded_rows_determine_the_cost_of_dependents() {
    let mut costs = costs(None, None);
    let before = seconds(&costs, TEXTS);
    assert!(before < 0.01, "a stream does not tell sizes");
    costs.loaded(DATA, 324_000_000);
    assert!(seconds(&costs, TEXTS) > 5.0);
    costs.loaded(TEXTS, 7);
    assert!(seconds(&costs, TEXTS) > 5.0, "only loading loads");
}

fn history() -> CostHistory {
    let measured = |name: &str, seconds: f64| Measured {
        desc: "INDEX".to_owned(),
        schema: Some("public".to_owned()),
        name: name.to_owned(),
        step: Step::Entire,
        size: 50_000_000,
        seconds,
        rows: 0,
        bytes: 0,
        format: None,
    };
    let mut history = CostHistory::default();
    let night = PastRun { at: 1, jobs: 1, predicted: None, seconds: 100.0 };
    let jobs = vec![measured("texts", 90.0)];
    history.record("app", MeasuredJobs { at: 1, night: Some(night), statement: Some(0.5), jobs });
    history
}

#[test]
fn earlier_measurements_are_scaled_to_current_data() {
    let history = history();
    let costs = costs(Some(100_000_000), history.database("app"));
    assert_eq!(costs.of(TEXTS), Duration::from_secs(180));
    assert_eq!(costs.basis(TEXTS), Basis::History { runs: 1 });
    assert_eq!(costs.basis(NUMBERS), Basis::Model);
    assert_eq!(costs.prelude(), Duration::from_millis(500));
}

#[test]
fn history_gives_server_speed_for_unknown_jobs() {
    let history = history();
    let model = costs(Some(50_000_000), None);
    let costs = costs(Some(50_000_000), history.database("app"));
    let factor = seconds(&costs, KEY) / seconds(&model, KEY);
    let measured = seconds(&costs, TEXTS) / seconds(&model, TEXTS);
    assert!(measured > 2.0, "{measured}");
    assert!((0.8..=1.0).contains(&(factor / measured)), "{factor} {measured}");
}

#[test]
fn slower_night_is_detected() {
    let history = history();
    let mut costs = costs(Some(50_000_000), history.database("app"));
    costs.observe(TEXTS, Duration::from_secs(180));
    assert!(seconds(&costs, TEXTS) > 170.0);
}

#[test]
fn scaled_jobs_total_the_request_and_keep_proportions() {
    let mut costs = costs(Some(50_000_000), None);
    let share = seconds(&costs, TEXTS) / seconds(&costs, NUMBERS);
    costs.scale(&[NUMBERS, TEXTS], Duration::from_secs(3600));
    let (numbers, texts) = (seconds(&costs, NUMBERS), seconds(&costs, TEXTS));
    assert!((numbers + texts - 3600.0).abs() < 1.0);
    assert!((texts / numbers / share - 1.0).abs() < 0.02);
}

#[test]
fn absurd_history_does_no_harm() {
    let text = history().to_json();
    for seconds in ["1e300", "-1e300", "1e19"] {
        let text = text.replace("\"seconds\":90.0", &format!("\"seconds\":{seconds}"));
        let history = CostHistory::from_json(text.as_bytes()).unwrap();
        let costs = costs(Some(50_000_000), history.database("app"));
        let all: Duration = [DATA, NUMBERS, TEXTS, KEY].into_iter().map(|id| costs.of(id)).sum();
        assert!(all < Duration::from_secs(u64::from(u32::MAX) * 4), "{seconds}: {all:?}");
    }
}
