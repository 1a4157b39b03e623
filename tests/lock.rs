//! One run at a time for a target.

mod common;

use common::{PATIENCE, cluster};
use nocturne::replicate::lock::{LockError, TargetLock};
use nocturne::target::{ConnectOptions, Target};

#[tokio::test(flavor = "multi_thread")]
async fn the_second_run_is_told_who_is_at_work_and_may_go_on_after_it() {
    let database = cluster(15).fresh_db("lock");
    let other = cluster(15).fresh_db("lock_other");
    let target = |url: String| {
        let options = ConnectOptions { dbname: Some(url), ..ConnectOptions::default() };
        Target::resolve(&options, &|_| None).expect("the URL of a test is sound")
    };
    let first = TargetLock::take(&target(database.url())).await.expect("nobody has it");
    first.check().await.expect("its session is there");
    let error = TargetLock::take(&target(database.url())).await.err().expect("it is taken");
    assert!(error.is_passing());
    let said = error.to_string();
    assert!(said.starts_with("another run is at work on this target: process "), "{said}");
    assert!(said.contains(" since 20"), "{said}");
    // Another database of the same server is another target.
    TargetLock::take(&target(other.url())).await.expect("nobody has that one");

    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name = 'nocturne lock' AND datname = current_database()",
    );
    assert!(matches!(first.check().await, Err(LockError::Lost)));
    // The server lets go of the lock when the session's process ends, which is not at once.
    let next = async {
        while TargetLock::take(&target(database.url())).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("the lock ends with its session");
}
