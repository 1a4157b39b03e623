//! A lock whose session is lost, with and without another session waiting for it.

use std::sync::Arc;

use super::*;
use crate::target::tests::Server;
use crate::target::{Session, SessionSettings};

/// A database for the test alone: the lock belongs to a database.
async fn database(name: &str) -> (Arc<Server>, Target, Session) {
    let server = Server::shared();
    let superuser = server.superuser().await;
    superuser.execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
    superuser.execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let target = server.local().with_database(name);
    let session = Session::connect(&target, &SessionSettings::default()).await.unwrap();
    (server, target, session)
}

async fn guard(target: &Target) -> Guard<'_> {
    Guard { between: Duration::from_millis(20), ..Guard::take(target).await.unwrap() }
}

/// Who holds the lock.
const HOLDER: &str = "SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' \
    AND l.granted AND l.database = \
        (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())";

#[tokio::test]
async fn lost_lock_is_taken_again_and_work_continues() {
    let (_server, target, session) = database("guard_again").await;
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
    let (_server, target, session) = database("guard_lost").await;
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
    assert!(!lost.is_permanent());
    drop(session);
}
