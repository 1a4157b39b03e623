//! COPY and large objects.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use nocturne::server::{Retry, SessionError, TransactionStatus};

use super::{connect, superuser};

/// Rows `0`, `1`, … in chunks of at least this many bytes.
fn chunks(rows: u32, size: usize) -> Vec<Bytes> {
    let mut chunks = vec![Vec::new()];
    for row in 0..rows {
        if chunks.last().unwrap().len() >= size {
            chunks.push(Vec::new());
        }
        chunks.last_mut().unwrap().extend_from_slice(format!("{row}\n").as_bytes());
    }
    chunks.into_iter().map(Bytes::from).collect()
}

#[tokio::test]
async fn copy_returns_the_rows_the_server_stored() {
    for conninfo in
        ["host=localhost user=tls_only sslmode=require", "host=localhost user=plain_only"]
    {
        let session = connect(conninfo).await.unwrap();
        session.execute("CREATE TEMP TABLE c (a int)").await.unwrap();
        let mut copy = session.copy_in("COPY c FROM STDIN").await.unwrap();
        for chunk in chunks(100_000, 50_000) {
            copy.send(chunk).await.unwrap();
        }
        assert_eq!(copy.finish().await.unwrap(), 100_000);
        let copy = session.copy_in("COPY c FROM STDIN").await.unwrap();
        assert_eq!(copy.finish().await.unwrap(), 0);
        let sum = session.query_value("SELECT pg_catalog.sum(a) FROM c").await.unwrap();
        assert_eq!(sum.as_deref(), Some("4999950000"));
    }
}

#[tokio::test]
async fn dropped_copy_stores_nothing_and_session_stays_usable() {
    let session = superuser().await;
    session.execute("CREATE TEMP TABLE d (a int)").await.unwrap();
    let mut copy = session.copy_in("COPY d FROM STDIN").await.unwrap();
    copy.send(Bytes::from_static(b"1\n2\n")).await.unwrap();
    drop(copy);
    let count = session.query_value("SELECT pg_catalog.count(*) FROM d").await.unwrap();
    assert_eq!(count.as_deref(), Some("0"));
    let mut copy = session.copy_in("COPY d FROM STDIN").await.unwrap();
    copy.send(Bytes::from_static(b"1\n2\n")).await.unwrap();
    assert_eq!(copy.finish().await.unwrap(), 2);
}

#[tokio::test]
async fn bad_row_stops_the_copy_early() {
    let session = superuser().await;
    session.execute("CREATE TEMP TABLE b (a int)").await.unwrap();
    let mut copy = session.copy_in("COPY b FROM STDIN").await.unwrap();
    copy.send(Bytes::from_static(b"1\nbad\n")).await.unwrap();
    // A gigabyte in 4096 chunks, if nothing stops it.
    let chunk = Bytes::from(b"2\n".repeat(128 * 1024));
    let mut sent = 0;
    let error = loop {
        match copy.send(chunk.clone()).await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 400, "the error was not noticed");
    };
    let report = error.server().unwrap();
    assert_eq!(report.sqlstate, "22P02");
    assert_eq!(report.context.as_deref(), Some("COPY b, line 2, column a: \"bad\""));
    assert_eq!(report.statement.as_deref(), Some("COPY b FROM STDIN"));
    drop(copy);
    // An error in the data costs the session nothing.
    assert!(session.is_usable());
    let count = session.query_value("SELECT pg_catalog.count(*) FROM b").await.unwrap();
    assert_eq!(count.as_deref(), Some("0"));
}

#[tokio::test]
async fn refused_copy_leaves_the_session_usable() {
    let session = superuser().await;
    let pid = session.query_value("SELECT pg_catalog.pg_backend_pid()").await.unwrap();
    session.execute("CREATE TEMP TABLE r (a int)").await.unwrap();
    for in_transaction in [false, true, true, false] {
        if in_transaction {
            session.begin().await.unwrap();
        }
        for (copy, state) in
            [("COPY no_such_table FROM STDIN", "42P01"), ("COPY r (a, b) FROM STDIN", "42703")]
        {
            let error = session.copy_in(copy).await.unwrap_err();
            // The first refusal aborts the transaction.
            let aborted = in_transaction && state == "42703";
            assert_eq!(error.sqlstate(), Some(if aborted { "25P02" } else { state }));
            assert!(!error.is_connection_lost() && session.is_usable());
        }
        if in_transaction {
            session.rollback().await.unwrap();
        }
        let mut copy = session.copy_in("COPY r FROM STDIN").await.unwrap();
        copy.send(Bytes::from_static(b"1\n")).await.unwrap();
        assert_eq!(copy.finish().await.unwrap(), 1);
    }
    let rows = session.query_value("SELECT pg_catalog.count(*) FROM r").await.unwrap();
    assert_eq!(rows.as_deref(), Some("4"));
    let same = session.query_value("SELECT pg_catalog.pg_backend_pid()").await.unwrap();
    assert_eq!(same, pid);
}

#[tokio::test]
async fn unparsable_copy_leaves_the_session_usable() {
    let session = superuser().await;
    let error = session.copy_in("COPY no such syntax").await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("42601"));
    assert!(session.is_usable());
    session.begin().await.unwrap();
    session.execute("SELECT 1/0").await.unwrap_err();
    let error = session.copy_in("COPY pg_class FROM STDIN").await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("25P02"));
    session.rollback().await.unwrap();
    assert!(session.is_usable());
}

#[tokio::test]
async fn session_killed_during_copy_is_lost() {
    let session = superuser().await;
    session.execute("CREATE TEMP TABLE k (a int)").await.unwrap();
    let pid = session.query_value("SELECT pg_catalog.pg_backend_pid()").await.unwrap().unwrap();
    let mut copy = session.copy_in("COPY k FROM STDIN").await.unwrap();
    copy.send(Bytes::from_static(b"1\n")).await.unwrap();
    let killer = superuser().await;
    killer.execute(&format!("SELECT pg_catalog.pg_terminate_backend({pid}, 5000)")).await.unwrap();
    let error = loop {
        if let Err(error) = copy.send(Bytes::from(b"2\n".repeat(100_000))).await {
            break error;
        }
    };
    assert!(error.is_connection_lost(), "{error}");
    assert_eq!(error.retry(), Retry::FreshSession);
}

#[tokio::test]
async fn large_objects_are_written_in_order_and_complete() {
    let session = superuser().await;
    let long: Vec<u8> =
        (0..3_000_000_u32).map(|i| i.to_le_bytes()[usize::from(i % 3 == 0)]).collect();
    // More short ones than go together, an empty one, and a long one in between.
    let mut objects: Vec<(u32, Vec<u8>)> =
        (1..600_u32).map(|oid| (470_000 + oid, vec![oid.to_le_bytes()[0]; 100])).collect();
    objects[7].1.clear();
    objects[300].1 = long;
    session.begin().await.unwrap();
    for (oid, _) in &objects {
        session.create_large_object(*oid).await.unwrap();
    }
    let mut writing = session.write_large_objects().await.unwrap();
    for (oid, bytes) in &objects {
        writing.begin(*oid).await.unwrap();
        for bytes in bytes.chunks(700_000) {
            writing.write(Bytes::copy_from_slice(bytes)).await.unwrap();
        }
    }
    writing.finish().await.unwrap();
    for (oid, bytes) in &objects {
        let query =
            format!("SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.lo_get({oid})), 'hex')");
        let stored = session.query_value(&query).await.unwrap().unwrap();
        let expected = Sha256::digest(bytes);
        assert_eq!(
            stored,
            expected.iter().map(|b| format!("{b:02x}")).collect::<String>(),
            "{oid}"
        );
    }
    session.rollback().await.unwrap();
    session.unlink_large_object(470_001).await.unwrap();
}

#[tokio::test]
async fn missing_large_object_is_a_server_error() {
    let session = superuser().await;
    for bytes in ["", "bytes"] {
        session.begin().await.unwrap();
        let mut objects = session.write_large_objects().await.unwrap();
        objects.begin(999_999).await.unwrap();
        objects.write(bytes.into()).await.unwrap();
        let error = objects.finish().await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("42704"));
        assert_eq!(session.transaction_status(), TransactionStatus::Failed);
        session.rollback().await.unwrap();
        assert!(session.is_usable());
    }
}

#[tokio::test]
async fn bytes_outside_a_large_object_are_refused() {
    let session = superuser().await;
    let mut objects = session.write_large_objects().await.unwrap();
    assert!(matches!(objects.write("bytes".into()).await, Err(SessionError::Protocol(..))));
}

/// A COPY that would take forever: rows of ten digits. In FROM, the server would first collect them
/// all on disk.
const ENDLESS: &str = "COPY (SELECT pg_catalog.generate_series(1000000000, 9000000000)) TO STDOUT";

#[tokio::test]
async fn copy_out_yields_whole_rows_and_servers_count() {
    for conninfo in
        ["host=localhost user=tls_only sslmode=require", "host=localhost user=plain_only"]
    {
        let session = connect(conninfo).await.unwrap();
        for rows in [100_000_u64, 0, 1] {
            let query = format!("SELECT n FROM pg_catalog.generate_series(1, {rows}) n");
            let mut copy = session.copy_out(&format!("COPY ({query}) TO STDOUT")).await.unwrap();
            let (mut text, mut chunks) = (Vec::new(), 0);
            while let Some(chunk) = copy.next().await.unwrap() {
                assert_eq!(chunk.last(), Some(&b'\n'));
                text.extend_from_slice(&chunk);
                chunks += 1;
            }
            assert_eq!(copy.rows(), Some(rows));
            assert!(copy.next().await.unwrap().is_none());
            let expected: String = (1..=rows).map(|n| format!("{n}\n")).collect();
            assert!(text == expected.as_bytes());
            // 588,895 bytes, 256 KiB at a time.
            assert_eq!(chunks, if rows == 100_000 { 3 } else { rows });
            drop(copy);
            assert!(session.is_usable());
        }
    }
}

#[tokio::test]
async fn failed_copy_out_leaves_the_session_usable() {
    let session = superuser().await;
    let error = session.copy_out("COPY (SELECT 1 FROM no.table) TO STDOUT").await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("42P01"));
    assert!(session.is_usable());
    let failing =
        "COPY (SELECT 1 / (500000 - n) FROM pg_catalog.generate_series(1, 600000) n) TO STDOUT";
    let mut copy = session.copy_out(failing).await.unwrap();
    let error = loop {
        match copy.next().await {
            Ok(chunk) => assert!(chunk.is_some(), "it ended well"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.sqlstate(), copy.rows()), (Some("22012"), None));
    assert_eq!(error.server().unwrap().statement.as_deref(), Some(failing));
    drop(copy);
    assert!(session.is_usable());
    assert_eq!(session.query_value("SELECT 1").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn dropped_copy_out_is_cancelled_in_the_server() {
    let session = superuser().await;
    let pid = session.query_value("SELECT pg_catalog.pg_backend_pid()").await.unwrap().unwrap();
    let mut copy = session.copy_out(ENDLESS).await.unwrap();
    assert!(copy.next().await.unwrap().is_some());
    drop(copy);
    assert!(!session.is_usable());
    let other = superuser().await;
    let busy = format!(
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity \
         WHERE pid = {pid} AND state = 'active'"
    );
    tokio::time::timeout(std::time::Duration::from_secs(120), async {
        while other.query_value(&busy).await.unwrap().as_deref() != Some("0") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the server continues");
}

#[tokio::test]
async fn session_killed_during_copy_out_is_lost() {
    let session = superuser().await;
    let pid = session.query_value("SELECT pg_catalog.pg_backend_pid()").await.unwrap().unwrap();
    let mut copy = session.copy_out(ENDLESS).await.unwrap();
    assert!(copy.next().await.unwrap().is_some());
    let killer = superuser().await;
    killer.execute(&format!("SELECT pg_catalog.pg_terminate_backend({pid}, 5000)")).await.unwrap();
    let error = loop {
        match copy.next().await {
            Ok(chunk) => assert!(chunk.is_some(), "it ended well"),
            Err(error) => break error,
        }
    };
    assert!(error.is_connection_lost(), "{error}");
    assert_eq!(error.retry(), Retry::FreshSession);
}

#[tokio::test]
async fn copy_out_waits_for_its_reader() {
    let session = superuser().await;
    let pid = session.query_value("SELECT pg_catalog.pg_backend_pid()").await.unwrap().unwrap();
    let _copy = session.copy_out(ENDLESS).await.unwrap();
    let other = superuser().await;
    let waits = format!(
        "SELECT wait_event FROM pg_catalog.pg_stat_activity WHERE pid = {pid} AND state = 'active'"
    );
    tokio::time::timeout(std::time::Duration::from_secs(120), async {
        while other.query_value(&waits).await.unwrap().as_deref() != Some("ClientWrite") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the server is never held up");
}
