//! One run at a time for a target.

use std::time::Duration;

use crate::common::{Database, PATIENCE, cluster};
use nocturne::replicate::lock::{LockError, TargetLock};
use nocturne::server::{ConnectOptions, Retry, Target};

pub fn target(database: &Database<'_>) -> Target {
    let options = ConnectOptions { dbname: Some(database.url()), ..ConnectOptions::default() };
    Target::resolve(&options, &|_| None).expect("the test's URL is valid")
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_retakes_lock_from_its_ghost_session() {
    for shared in [false, true] {
        let database = cluster(15).fresh_db("lock_ghost");
        let target = target(&database);
        // Its owner has lost it, and the server has not noticed.
        let ghost = match shared {
            false => TargetLock::take(&target).await,
            true => TargetLock::share(&target).await,
        };
        let ghost = ghost.expect("the lock is free");
        let again = ghost.take_again(&target).await.expect("its own session does not block it");
        again.check().await.expect("its session exists");
        assert_eq!(ghost.check().await.is_ok(), shared, "only sessions in the way are terminated");
        drop(ghost);
        // Another run's session stays.
        let other = TargetLock::take(&target).await.err().expect("the lock is taken");
        assert!(matches!(other, LockError::Taken { .. }));
    }
    let database = cluster(15).fresh_db("lock_stolen");
    let target = target(&database);
    let lost = TargetLock::take(&target).await.expect("the lock is free");
    database.kill_backends("application_name = 'nocturne lock'");
    let other = until_taken(&target).await;
    let refused = lost.take_again(&target).await.err().expect("another run holds it");
    assert!(matches!(refused, LockError::Taken { .. }));
    other.check().await.expect("the session is alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_lock_excludes_only_exclusive_requests() {
    let database = cluster(15).fresh_db("lock_shared");
    let target = target(&database);
    let first = TargetLock::share(&target).await.expect("the lock is free");
    let second = TargetLock::share(&target).await.expect("the lock is shared");
    let refused = TargetLock::take(&target).await.err().expect("the lock is taken");
    assert!(matches!(refused, LockError::Taken { holder: Some(_) }), "{refused}");
    drop((first, second));
    let alone = until_taken(&target).await;
    let refused = TargetLock::share(&target).await.err().expect("the lock is taken");
    assert!(matches!(refused, LockError::Taken { holder: Some(_) }), "{refused}");
    drop(alone);
}

/// The lock, once the server has released it: ending a session takes a moment.
async fn until_taken(target: &Target) -> TargetLock {
    let next = async {
        loop {
            if let Ok(lock) = TargetLock::take(target).await {
                return lock;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("the lock ends with its session")
}

#[tokio::test(flavor = "multi_thread")]
async fn second_run_names_the_first_and_follows_it() {
    let database = cluster(15).fresh_db("lock");
    let other = cluster(15).fresh_db("lock_other");
    let first = TargetLock::take(&target(&database)).await.expect("the lock is free");
    first.check().await.expect("its session exists");
    let error = TargetLock::take(&target(&database)).await.err().expect("the lock is taken");
    assert_ne!(error.retry(), Retry::Never);
    let said = error.to_string();
    assert!(said.starts_with("another run is using this target: process "), "{said}");
    assert!(said.contains(" since 20"), "{said}");
    // Another database of the same server is another target.
    TargetLock::take(&target(&other)).await.expect("that lock is free");

    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name = 'nocturne lock' AND datname = current_database()",
    );
    assert!(matches!(first.check().await, Err(LockError::Lost)));
    until_taken(&target(&database)).await;
}
