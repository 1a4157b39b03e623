//! How waiting jobs are reported.

use crate::common::archive::Archive;
use crate::common::cluster;
use crate::common::program::nocturne;
use crate::common::restore::restore;
use crate::common::versions::newest;

#[test]
fn plan_and_log_show_why_jobs_wait() {
    let cluster = cluster(newest());
    let archive = Archive::of(
        cluster,
        "CREATE TABLE codes (code int, label text);
        CREATE FUNCTION label(c int) RETURNS text LANGUAGE sql IMMUTABLE
            AS $$SELECT label FROM public.codes WHERE code = c$$;
        CREATE FUNCTION harmless(c int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT c + 1';
        CREATE TABLE items (code int, label text GENERATED ALWAYS AS (label(code)) STORED);
        CREATE TABLE plain (code int CHECK (harmless(code) > 0));
        CREATE INDEX by_label ON items (label(code));
        -- Reads at most its own rows: a name in a comment, and one of a query, are no other table.
        CREATE FUNCTION total(c int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
            -- Not from codes.
            WITH totals AS (SELECT c) SELECT count(*) /* of items */ FROM totals$$;
        CREATE TABLE totals (code int CHECK (total(code) > 0));",
    );
    let rows = "waits for all rows before it: it calls public.label()";
    let index = "waits for all rows: its expression calls public.label()";
    let planned = nocturne().arg("plan").arg(archive.path()).args(["-j", "4"]).succeed().stdout();
    let json = nocturne().arg("plan").arg(archive.path()).args(["-j", "4", "--format", "json"]);
    let json = json.succeed().stdout();
    let database = cluster.fresh_db("told");
    let log = restore(&archive.path(), &database, &["-j", "4", "-v"]).expect(0).stderr();
    for text in [&planned, &json, &log] {
        assert!(text.contains(rows) && text.contains(index), "{text}");
        assert_eq!(text.matches("waits for all rows").count(), 2, "{text}");
    }
}
