//! One run at a time for a target; a lock whose session is lost, with and without another session
//! waiting for it.

use std::time::Duration;

use nocturne::replicate::lock::{LockError, TargetLock};
use nocturne::replicate::night::NightError;
use nocturne::server::{ConnectOptions, Retry, Session, SessionSettings, Target};
use tokio_util::sync::CancellationToken;

use crate::common::versions::newest;
use crate::common::{Database, PATIENCE, cluster};

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
        let again = ghost.take_again().await.expect("its own session does not block it");
        assert!(again.is_held().await);
        assert_eq!(ghost.is_held().await, shared, "only sessions in the way are terminated");
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
    let refused = lost.take_again().await.err().expect("another run holds it");
    assert!(matches!(refused, LockError::Taken { .. }));
    assert!(other.is_held().await);
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
    assert!(first.is_held().await);
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
    assert!(!first.is_held().await);
    until_taken(&target(&database)).await;
}

/// A database, because the lock belongs to one, and a session beside the lock's.
async fn place(name: &str) -> (Database<'static>, Target, Session) {
    let database = cluster(newest()).fresh_db(name);
    let target = target(&database);
    let session = Session::connect(&target, &SessionSettings::default()).await.unwrap();
    (database, target, session)
}

async fn watched(target: &Target) -> TargetLock {
    TargetLock::take(target).await.unwrap().every(Duration::from_millis(20))
}

/// Who holds the lock.
const HOLDER: &str = "SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' \
    AND l.granted AND l.database = \
        (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())";

#[tokio::test]
async fn lost_lock_is_taken_again_and_work_continues() {
    let (_database, target, session) = place("lock_again").await;
    let mut lock = watched(&target).await;
    let halt = CancellationToken::new();
    let work = async {
        let holder = session.query_value(HOLDER).await.unwrap().unwrap();
        session.execute(&format!("SELECT pg_terminate_backend({holder})")).await.unwrap();
        loop {
            let now = session.query_value(HOLDER).await.unwrap();
            if now.is_some_and(|now| now != holder) {
                return Ok::<_, NightError>("done");
            }
        }
    };
    assert_eq!(lock.during(&halt, work).await.unwrap(), "done");
    assert!(!halt.is_cancelled());
}

#[tokio::test]
async fn work_stops_when_another_run_takes_the_lock() {
    let (_database, target, session) = place("lock_lost").await;
    let mut lock = watched(&target).await;
    let halt = CancellationToken::new();
    let work = async {
        let holder = session.query_value(HOLDER).await.unwrap().unwrap();
        // Waits for the lock before its session is gone, and so gets it first.
        let steal = format!(
            "SELECT pg_catalog.pg_terminate_backend({holder}), \
                    pg_catalog.pg_advisory_lock(1852793716, 1)"
        );
        session.execute(&steal).await.unwrap();
        halt.cancelled().await;
        Ok::<(), NightError>(())
    };
    let lost = lock.during(&halt, work).await.unwrap_err();
    assert!(matches!(lost, NightError::Lock(LockError::Taken { .. })), "{lost}");
    assert_ne!(lost.retry(), Retry::Never);
    drop(session);
}
