//! A lock whose session is lost, with and without another session waiting for it.

use std::time::Duration;

use nocturne::replicate::lock::LockError;
use nocturne::replicate::night::{LockWatch, NightError};
use nocturne::server::{Retry, Session, SessionSettings, Target};
use tokio_util::sync::CancellationToken;

use crate::common::versions::newest;
use crate::common::{Database, cluster};
use crate::lock::target;

/// A database, because the lock belongs to one, and a session beside the lock's.
async fn place(name: &str) -> (Database<'static>, Target, Session) {
    let database = cluster(newest()).fresh_db(name);
    let target = target(&database);
    let session = Session::connect(&target, &SessionSettings::default()).await.unwrap();
    (database, target, session)
}

async fn guard(target: &Target) -> LockWatch<'_> {
    LockWatch::take(target).await.unwrap().every(Duration::from_millis(20))
}

/// Who holds the lock.
const HOLDER: &str = "SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' \
    AND l.granted AND l.database = \
        (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())";

#[tokio::test]
async fn lost_lock_is_taken_again_and_work_continues() {
    let (_database, target, session) = place("guard_again").await;
    let mut guard = guard(&target).await;
    let halt = CancellationToken::new();
    let work = async {
        let holder = session.query_value(HOLDER).await.unwrap().unwrap();
        session.execute(&format!("SELECT pg_terminate_backend({holder})")).await.unwrap();
        loop {
            let now = session.query_value(HOLDER).await.unwrap();
            if now.is_some_and(|now| now != holder) {
                return Ok("done");
            }
        }
    };
    assert_eq!(guard.during(&halt, work).await.unwrap(), "done");
    assert!(!halt.is_cancelled());
}

#[tokio::test]
async fn work_stops_when_another_run_takes_the_lock() {
    let (_database, target, session) = place("guard_lost").await;
    let mut guard = guard(&target).await;
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
        Ok(())
    };
    let lost = guard.during(&halt, work).await.unwrap_err();
    assert!(matches!(lost, NightError::Lock(LockError::Taken { .. })), "{lost}");
    assert_ne!(lost.retry(), Retry::Never);
    drop(session);
}
