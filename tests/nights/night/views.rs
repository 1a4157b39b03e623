//! Materialized views over incremental tables: those of the backup and those of the enrichment.

use super::scene::{Scene, stages};
use super::source::grow;
use crate::common::folder;

#[tokio::test(flavor = "multi_thread")]
async fn materialized_views_over_incremental_tables_have_copied_rows() {
    let scene = Scene::new("night_views").await;
    scene.source.execute(
        "CREATE MATERIALIZED VIEW a_direct AS SELECT count(*) AS n FROM answers;
         CREATE VIEW between AS SELECT n FROM a_direct;
         CREATE MATERIALIZED VIEW a_above AS SELECT n FROM between;
         CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql AS
             'BEGIN RETURN (SELECT count(*) FROM public.answers); END';
         CREATE MATERIALIZED VIEW by_function AS SELECT counted() AS n;
         CREATE MATERIALIZED VIEW no_data AS SELECT count(*) AS n FROM answers WITH NO DATA;",
    );
    scene.backup_again();
    let files = folder(&[(
        "a.sql",
        "-- requires-table: answers\nCREATE MATERIALIZED VIEW enriched AS \
         SELECT count(*) AS n FROM answers;",
    )]);
    let night = || scene.incremental(scene.night()).env("ENRICHMENT_DIR", files.path());
    night().succeed();
    grow(&scene.source, 4400);
    let second = night().succeed();
    let counts = "SELECT (SELECT n FROM a_direct), (SELECT n FROM a_above), \
                  (SELECT n FROM by_function), (SELECT n FROM enriched), \
                  (SELECT relispopulated FROM pg_class WHERE relname = 'no_data')";
    assert_eq!(scene.warehouse.database.query(counts), "4400|4400|4400|4400|f", "{second}");
    let expected = "find-backup download drop restore incremental enrich";
    assert_eq!(stages(&scene.record()), expected);
}
