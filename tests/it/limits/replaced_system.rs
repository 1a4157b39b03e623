//! The test of the system that nocturne replaces: a dump with `--clean` restored into a database
//! with a fixed name, which then has all its rows.

use crate::common::versions::newest;
use crate::common::{Tool, cluster, nocturne};

const DATABASE: &str = "pix_replication_test";

#[test]
fn hundred_thousand_rows_are_replicated() {
    let cluster = cluster(newest());
    let psql = cluster.server().bin_dir().join("psql");
    // A server given by the environment, or a throw-away one.
    let named = std::env::var("TEST_POSTGRES_URL").ok();
    let url = named.unwrap_or_else(|| cluster.url("postgres"));
    let target = with_database(&url, DATABASE);
    let run = |url: &str, sql: &str| {
        let psql = Tool::new(&psql).args(["--no-psqlrc", "-tA", "-v", "ON_ERROR_STOP=1"]);
        psql.args(["-c", sql, url]).succeed().stdout().trim().to_owned()
    };
    run(&url, &format!("DROP DATABASE IF EXISTS {DATABASE}"));
    run(&url, &format!("CREATE DATABASE {DATABASE}"));
    run(&target, "CREATE TABLE test_table (id int PRIMARY KEY)");
    run(&target, "INSERT INTO test_table SELECT generate_series(1, 100000)");
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive.pgsql");
    Tool::new(cluster.server().bin_dir().join("pg_dump"))
        .args(["--clean", "--format=custom", "--dbname", &target])
        .arg("--file")
        .arg(&archive)
        .succeed();
    // Into the same database, as every night; then into an empty one.
    for emptied in [false, true] {
        if emptied {
            run(&target, "DROP TABLE test_table");
        } else {
            run(&target, "DELETE FROM test_table WHERE id > 5");
        }
        let restore = nocturne().arg("restore").arg(&archive).args(["-d", &target, "-j", "2"]);
        restore.args(["--clean", "--if-exists", "--no-owner"]).succeed();
        let counted = "SELECT count(*), min(id), max(id), count(DISTINCT id) FROM test_table";
        assert_eq!(run(&target, counted), "100000|1|100000|100000");
        let keys = "SELECT count(*) FROM pg_index WHERE indrelid = 'test_table'::regclass \
                    AND indisprimary AND indisvalid";
        assert_eq!(run(&target, keys), "1");
    }
    run(&url, &format!("DROP DATABASE {DATABASE}"));
}

/// The URL with another database.
fn with_database(url: &str, database: &str) -> String {
    let (start, rest) = url.split_once("://").expect("a URL");
    let (path, query) = rest
        .split_once('?')
        .map_or((rest, String::new()), |(path, query)| (path, format!("?{query}")));
    let host = path.split('/').next().unwrap_or_default();
    format!("{start}://{host}/{database}{query}")
}
