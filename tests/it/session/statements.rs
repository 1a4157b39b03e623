//! Statements, transactions, notices, cancelling, lost connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nocturne::server::{
    Class, Notices, Retry, Session, SessionError, SessionSettings, TransactionStatus,
    has_bookkeeping, has_record, make_bookkeeping,
};

use super::{chain, connect, local, superuser};
use crate::tls::server::server;

#[tokio::test]
async fn session_starts_like_pg_restores() {
    let session = superuser().await;
    let number = session.query_value("SHOW server_version_num").await.unwrap();
    assert_eq!(Some(session.server_version_num().to_string()), number);
    let version = session.query_value("SHOW server_version").await.unwrap();
    assert_eq!(Some(session.server_version()), version.as_deref());
    assert_eq!(session.parameter("client_encoding"), Some("UTF8"));
    assert_eq!(session.parameter("is_superuser"), Some("on"));
    for (setting, value) in [("search_path", ""), ("application_name", "nocturne")] {
        let shown = session.query_value(&format!("SHOW {setting}")).await.unwrap();
        assert_eq!(shown.as_deref(), Some(value), "{setting}");
    }
    let target = session.target().with_database("template1");
    let other = Session::connect(&target, &SessionSettings::default()).await.unwrap();
    let name = other.query_value("SELECT pg_catalog.current_database()").await.unwrap();
    assert_eq!(name.as_deref(), Some("template1"));
}

#[tokio::test]
async fn rows_are_counted_over_all_statements() {
    let session = superuser().await;
    let sql = "CREATE TEMP TABLE t (a int);
               INSERT INTO t VALUES (1), (2);
               INSERT INTO t SELECT 3;
               -- nothing
               UPDATE t SET a = NULL WHERE a > 1;";
    assert_eq!(session.execute_counting(sql).await.unwrap(), 5);
    let rows = session.query_text("SELECT a, 'x' FROM t ORDER BY a").await.unwrap();
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(rows, [[text("1"), text("x")], [None, text("x")], [None, text("x")]]);
}

#[tokio::test]
async fn refused_statement_reports_all_server_details() {
    let session = superuser().await;
    session.execute("CREATE TEMP TABLE u (a int CONSTRAINT positive CHECK (a > 0))").await.unwrap();
    let error = session.execute("INSERT INTO u VALUES (-1)").await.unwrap_err();
    assert!(!error.is_connection_lost());
    let report = error.server().unwrap();
    assert_eq!((report.severity.as_str(), report.sqlstate.as_str()), ("ERROR", "23514"));
    assert_eq!(report.table.as_deref(), Some("u"));
    assert_eq!(report.constraint.as_deref(), Some("positive"));
    assert_eq!(report.detail.as_deref(), Some("Failing row contains (-1)."));
    assert_eq!(report.statement.as_deref(), Some("INSERT INTO u VALUES (-1)"));
    assert_eq!(
        chain(&error),
        "ERROR: new row for relation \"u\" violates check constraint \"positive\""
    );

    let error = session.execute("SELECT 1; SELEC 2").await.unwrap_err();
    assert_eq!(error.server().unwrap().position, Some(11));

    for (sql, class) in [
        ("ALTER TABLE u OWNER TO nobody_here", Class::MissingRole),
        ("GRANT SELECT ON u TO nobody_here", Class::MissingRole),
        ("SET SESSION AUTHORIZATION nobody_here", Class::MissingRole),
        ("SELECT NULL::no_such_type", Class::Other),
        ("CREATE TEMP TABLE u (a int)", Class::AlreadyExists),
        ("CREATE SCHEMA pg_catalog", Class::Other),
    ] {
        let error = session.execute(sql).await.unwrap_err();
        assert_eq!(error.server().unwrap().class(), class, "{sql}: {error}");
        if class == Class::MissingRole {
            assert_eq!(error.server().unwrap().missing_role(), Some("nobody_here"), "{sql}");
        }
    }
}

#[tokio::test]
async fn commit_of_aborted_transaction_is_an_error() {
    let session = superuser().await;
    assert_eq!(session.transaction_status(), TransactionStatus::Idle);
    session.begin().await.unwrap();
    assert_eq!(session.transaction_status(), TransactionStatus::InTransaction);
    session.execute("SELECT 1/0").await.unwrap_err();
    assert_eq!(session.transaction_status(), TransactionStatus::Failed);
    assert!(matches!(session.commit().await, Err(SessionError::Aborted)));
    assert_eq!(session.transaction_status(), TransactionStatus::Idle);
    session.begin().await.unwrap();
    session.execute("SELECT 1").await.unwrap();
    session.commit().await.unwrap();
    // The server reports the new status after the error; it must not be the previous one.
    session.execute("BEGIN; SELECT 1/0").await.unwrap_err();
    assert_eq!(session.transaction_status(), TransactionStatus::Failed);
    session.rollback().await.unwrap();
}

#[tokio::test]
async fn constraint_failing_at_commit_is_a_server_error() {
    let session = superuser().await;
    let table = "CREATE TEMP TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)";
    session.execute(table).await.unwrap();
    session.begin().await.unwrap();
    session.execute("INSERT INTO d VALUES (1), (1)").await.unwrap();
    assert_eq!(session.commit().await.unwrap_err().sqlstate(), Some("23505"));
    assert_eq!(session.transaction_status(), TransactionStatus::Idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbered_statements_are_all_or_nothing() {
    let session = superuser().await;
    session.execute("CREATE TEMP TABLE n (a int)").await.unwrap();
    // Outside a transaction with an ID, this divides by zero.
    let inside = "SELECT 1 / (pg_catalog.txid_current_if_assigned() IS NOT NULL)::int";
    for _ in 0..500 {
        session.execute_numbered(inside).await.unwrap();
    }
    session.execute_numbered("INSERT INTO n VALUES (1); INSERT INTO n VALUES (2)").await.unwrap();
    for (sql, sqlstate) in
        [("INSERT INTO n VALUES (3); SELECT 1/0", "22012"), ("VACUUM pg_class", "25001")]
    {
        let not_done = session.execute_numbered(sql).await.unwrap_err();
        assert_eq!(not_done.error.sqlstate(), Some(sqlstate));
        assert_eq!(not_done.unsettled, None);
        assert_eq!(session.transaction_status(), TransactionStatus::Idle);
    }
    let deferred = "CREATE TEMP TABLE e (a int UNIQUE DEFERRABLE INITIALLY DEFERRED); \
                    INSERT INTO e VALUES (1), (1)";
    let not_done = session.execute_numbered(deferred).await.unwrap_err();
    assert_eq!(not_done.error.sqlstate(), Some("23505"));
    assert_eq!(not_done.unsettled, None);
    let stored = session.query_value("SELECT pg_catalog.sum(a) FROM n").await.unwrap();
    assert_eq!(stored.as_deref(), Some("3"));
}

/// Compiles only if sessions can be used from tasks of a multi-threaded runtime.
#[test]
fn session_futures_can_move_between_threads() {
    fn send<T: Send>(_: impl Fn(&'static Session) -> T) {}
    send(|session| async {
        let target = session.target().clone();
        Session::connect(&target, &SessionSettings::default()).await?.execute("").await?;
        let mut copy = session.copy_in("").await?;
        copy.send(bytes::Bytes::new()).await?;
        copy.finish().await?;
        let mut objects = session.write_large_objects().await?;
        objects.begin(1).await?;
        objects.write(bytes::Bytes::new()).await?;
        objects.finish().await?;
        session.cancel().await
    });
}

#[tokio::test]
async fn notices_precede_the_answer() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&heard);
    let notices = Notices::to(move |notice| sink.lock().unwrap().push(notice));
    let settings = SessionSettings { notices, ..SessionSettings::default() };
    let session = Session::connect(&local(), &settings).await.unwrap();
    session
        .execute("DO $$ BEGIN RAISE WARNING 'careful' USING HINT = 'look'; END $$")
        .await
        .unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].severity.as_str(), heard[0].message.as_str()), ("WARNING", "careful"));
    assert_eq!((heard[0].sqlstate.as_str(), heard[0].hint.as_deref()), ("01000", Some("look")));
}

#[tokio::test]
async fn running_statement_can_be_cancelled_on_any_transport() {
    let watcher = superuser().await;
    let socket = format!("host={} user=trusted", server().socket_dir());
    for conninfo in [
        socket.as_str(),
        "host=localhost user=trusted sslmode=disable",
        "host=localhost user=trusted sslmode=require",
    ] {
        let session = connect(conninfo).await.unwrap();
        let pid = session.query_value("SELECT pg_catalog.pg_backend_pid()").await.unwrap().unwrap();
        let event = format!("SELECT wait_event FROM pg_catalog.pg_stat_activity WHERE pid = {pid}");
        let handle = session.cancel_handle();
        let sleep = session.execute("SELECT pg_catalog.pg_sleep(60)");
        let cancel = async {
            // A request that arrives before the statement has started has no effect.
            while watcher.query_value(&event).await.unwrap().as_deref() != Some("PgSleep") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            handle.cancel().await.unwrap();
        };
        let (slept, ()) = tokio::join!(sleep, cancel);
        assert_eq!(slept.unwrap_err().sqlstate(), Some("57014"), "{conninfo}");
        assert!(session.is_usable());
    }
}

#[tokio::test]
async fn terminated_session_reports_who_ended_it() {
    let session = superuser().await;
    let pid = session.query_value("SELECT pg_catalog.pg_backend_pid()").await.unwrap().unwrap();
    let killer = superuser().await;
    killer.execute(&format!("SELECT pg_catalog.pg_terminate_backend({pid}, 5000)")).await.unwrap();
    // Wait until the end of the connection has been read.
    while !session.is_closed() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!session.is_usable());
    let error = session.execute("SELECT 1").await.unwrap_err();
    assert!(error.is_connection_lost());
    assert_eq!((error.sqlstate(), error.retry()), (Some("57P01"), Retry::FreshSession));
    assert_eq!(
        chain(&error),
        "the connection to the server was lost: \
         FATAL: terminating connection due to administrator command"
    );
}

#[tokio::test]
async fn records_of_another_role_are_refused() {
    let session = superuser().await;
    let name = "records_of_another_role";
    session.execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let target = session.target().with_database(name);
    let session = Session::connect(&target, &SessionSettings::default()).await.unwrap();
    let refusal = async || {
        let asked = [has_record(&session, "runs").await, has_bookkeeping(&session).await];
        let made = make_bookkeeping(&session).await.map(|()| true);
        asked.into_iter().chain([made]).map(|asked| match asked {
            Err(SessionError::NotOurs { what, owner, .. }) => Some(format!("{what} {owner}")),
            Err(error) => panic!("{error}"),
            Ok(_) => None,
        })
    };
    session.execute("CREATE ROLE low_keeper").await.unwrap();
    let low = |what: &str| Some(format!("{what} low_keeper"));
    session.execute("CREATE SCHEMA nocturne AUTHORIZATION low_keeper").await.unwrap();
    assert!(refusal().await.all(|said| said == low("schema nocturne")));
    session
        .execute(
            "ALTER SCHEMA nocturne OWNER TO postgres; CREATE TABLE nocturne.runs (id text); \
             ALTER TABLE nocturne.runs OWNER TO low_keeper",
        )
        .await
        .unwrap();
    assert!(refusal().await.all(|said| said == low("nocturne.runs")));
    session
        .execute(
            "DROP TABLE nocturne.runs; CREATE VIEW nocturne.seen AS SELECT 1 AS one; \
                  ALTER VIEW nocturne.seen OWNER TO low_keeper",
        )
        .await
        .unwrap();
    assert!(refusal().await.all(|said| said == low("nocturne.seen")), "views are code, too");
    session.execute("DROP VIEW nocturne.seen").await.unwrap();
    assert!(refusal().await.all(|said| said.is_none()));
}
