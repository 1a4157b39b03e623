//! One night: stopping when asked to, and what is recorded.

use super::*;

#[tokio::test]
async fn panic_fails_the_attempt() {
    let panics = step(|_, _| async { panic!("index out of bounds") });
    let scene = Scene::new(|_| vec![panics, at_once(JobOutcome::Succeeded)]);
    let record = scene.worker.night.run(Trigger::Manual, &scene.stop).await;
    assert_eq!((record.outcome, record.attempts), (RunOutcome::Succeeded, 2));
    let panics = step(|_, _| async { panic!("index out of bounds") });
    let scene = Scene::new(|_| vec![panics]);
    let record = scene.worker.night.run(Trigger::Manual, &scene.stop).await;
    assert_eq!(record.error.as_deref(), Some("a bug in nocturne: index out of bounds"));
}

#[tokio::test]
async fn stopped_job_is_recorded_as_interrupted() {
    let leaves = step(|run: Run, stop: CancellationToken| async move {
        let _stage = run.stage(Stage::Restore);
        stop.cancelled().await;
        JobOutcome::Stopped
    });
    let scene = Scene::new(|_| vec![leaves]);
    let stopper = scene.stop.clone();
    let (record, ()) =
        tokio::join!(scene.worker.night.run(Trigger::Schedule, &scene.stop), async {
            tokio::task::yield_now().await;
            stopper.cancel();
        });
    assert_eq!(record.outcome, RunOutcome::Interrupted);
    assert_eq!(record.stages[0].state, StageState::Failed);
    assert_eq!(scene.history.records().last(), Some(&record));
    // It stopped by itself, without a wait.
    assert_eq!(scene.clock.now(), utc("2026-03-01 12:00:00"));
}

#[tokio::test]
async fn unresponsive_job_is_dropped_within_the_limit() {
    let stays = step(|run: Run, _| async move {
        let _stage = run.stage(Stage::Enrich);
        futures::future::pending().await
    });
    let scene = Scene::new(|_| vec![stays]);
    scene.stop.cancel();
    let record = scene.worker.night.run(Trigger::Schedule, &scene.stop).await;
    assert_eq!(record.outcome, RunOutcome::Interrupted);
    assert_eq!(record.stages[0].state, StageState::Failed);
    let took = scene.clock.now() - utc("2026-03-01 12:00:00");
    assert_eq!(took.to_std().unwrap(), LEAVE_WITHIN);
    assert!(LEAVE_WITHIN < Duration::from_secs(30));
}

#[tokio::test]
async fn failure_while_stopping_is_an_interruption() {
    let fails = step(|_, stop: CancellationToken| async move {
        stop.cancelled().await;
        failing(true)
    });
    let scene = Scene::new(|_| vec![fails]);
    scene.stop.cancel();
    let record = scene.worker.night.run(Trigger::Schedule, &scene.stop).await;
    assert_eq!(record.outcome, RunOutcome::Interrupted);
    assert_eq!(record.error.as_deref(), Some("the network is down"));
}

#[tokio::test]
async fn stages_are_timed_and_counted_by_attempt() {
    let clock = FakeClock::at("2026-03-02 04:10:00");
    let run = Run::begin(Arc::clone(&clock) as Arc<dyn Clock>, FULL, Trigger::Manual, None);
    let left = run.stage(Stage::Restore);
    left.add(10, 100);
    clock.sleep(HOUR).await;
    drop(left);
    run.change(|record| record.attempts = 2);
    let stage = run.stage(Stage::Restore);
    stage.add(1, 10);
    stage.add(2, 20);
    clock.sleep(2 * HOUR).await;
    stage.done();
    let record = run.record();
    let stages = &record.stages;
    assert_eq!((stages[0].state, stages[0].attempt, stages[0].rows), (StageState::Failed, 1, 10));
    assert_eq!((stages[1].state, stages[1].attempt), (StageState::Done, 2));
    assert_eq!(stages[0].duration(clock.now()), HOUR);
    assert_eq!(stages[1].duration(clock.now()), 2 * HOUR);
    assert_eq!((record.rows(), record.bytes()), (3, 30));
}

#[test]
fn record_of_another_version_is_still_read() {
    let text = r#"{"id":"x","version":"9.0.0","trigger":"manual","started":"2026-03-02T05:10:00Z",
        "outcome":"succeeded","attempts":1,"stages":[{"name":"polish","attempt":1,
        "started":"2026-03-02T05:10:00Z","state":"done"}],"unheard":true}"#;
    let record: RunRecord = serde_json::from_str(text).unwrap();
    assert_eq!(record.stages[0].name, StageName::Other("polish".to_owned()));
    assert_eq!(record.backup, None);
    let again: RunRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    assert_eq!(again, record);
}
