//! What the plan of a night foresees that the server will refuse, with pg_restore as the oracle.

use crate::common::{Cluster, Database, Owned, Tool, bare_nocturne, cluster};

/// Objects that a role needs more than its database to create, next to similar ones that it may
/// create.
const SOURCE: &str = r#"
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch();
CREATE FOREIGN DATA WRAPPER "wrapper, new";
CREATE FOREIGN DATA WRAPPER installed;
CREATE SERVER remote FOREIGN DATA WRAPPER installed OPTIONS (host 'nowhere');
CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
CREATE OPERATOR FAMILY family USING btree;
CREATE OPERATOR CLASS class FOR TYPE int4 USING btree FAMILY family AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 btint4cmp(int4, int4);
CREATE TEXT SEARCH PARSER parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
    LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE template (LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY dictionary (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION configuration (COPY = simple);
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal),
    TO SQL WITH FUNCTION int4recv(internal));
CREATE TYPE shell;
CREATE TYPE base;
CREATE FUNCTION base_in(cstring) RETURNS base LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION base_out(base) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE base (INPUT = base_in, OUTPUT = base_out);
CREATE TYPE "a AS (b)" AS (n int);
CREATE TYPE mood AS ENUM ('sad');
CREATE TYPE span AS RANGE (SUBTYPE = int);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE FUNCTION handler() RETURNS language_handler LANGUAGE c
    AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE custom HANDLER handler;
CREATE FUNCTION "LEAKPROOF"() RETURNS int LANGUAGE sql AS 'SELECT 1 -- LEAKPROOF LANGUAGE c';
CREATE FUNCTION proof(int) RETURNS bool LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT $1 > 0';
CREATE FUNCTION series(int, int) RETURNS SETOF int LANGUAGE sql IMMUTABLE STRICT
    SUPPORT generate_series_int4_support AS 'SELECT $1';
CREATE FUNCTION quiet() RETURNS int LANGUAGE sql SET work_mem = '1MB' SET log_min_messages = 'error'
    AS 'SELECT 1';
CREATE PROCEDURE replicated() LANGUAGE sql SET session_replication_role = 'replica' AS 'SELECT 1';
CREATE FUNCTION small() RETURNS int LANGUAGE sql SET work_mem = '1MB' SET "DateStyle" = 'ISO'
    AS 'SELECT 1';
CREATE AGGREGATE gathered(anynonarray) (SFUNC = array_agg_transfn, STYPE = internal,
    FINALFUNC = array_agg_finalfn, FINALFUNC_EXTRA);
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
CREATE CAST (timestamp AS bigint) WITHOUT FUNCTION;
CREATE CAST (text AS integer) WITH INOUT;
CREATE CAST (text AS mood) WITH INOUT AS ASSIGNMENT;
CREATE TABLE t (id int PRIMARY KEY);
CREATE FUNCTION of_row(t) RETURNS date LANGUAGE sql AS 'SELECT NULL::date';
CREATE CAST (t AS date) WITH FUNCTION of_row(t);
CREATE FUNCTION estimate(internal, oid, internal, int) RETURNS float8 LANGUAGE internal AS 'eqsel';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, RESTRICT = estimate);
CREATE OPERATOR ==== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, RESTRICT = eqsel);
CREATE CONVERSION conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE PUBLICATION "all FOR ALL TABLES" FOR ALL TABLES;
CREATE PUBLICATION "some FOR ALL TABLES" FOR TABLE t;
CREATE PUBLICATION schemas FOR TABLES IN SCHEMA public;
CREATE SUBSCRIPTION subscription CONNECTION 'dbname=nowhere password=word-in-a-path'
    PUBLICATION p WITH (connect = false, slot_name = NONE);
"#;

/// The line that ends a list of entries.
const REASON: &str = ": only a superuser can create ";

/// A warehouse whose server has one of the wrappers.
fn warehouse<'a>(cluster: &'a Cluster, name: &str) -> Owned<'a> {
    let warehouse = Owned::new(cluster, name);
    warehouse.database.execute("CREATE FOREIGN DATA WRAPPER installed");
    warehouse
}

/// Kind and name of each entry that pg_restore reports, whether the error follows from another's.
fn refused_by_pg_restore(warehouse: &Owned<'_>, archive: &std::path::Path) -> Vec<(String, bool)> {
    let tool = warehouse.database.cluster.tool("pg_restore");
    let tool = tool.args(["--verbose", "--no-owner", "--no-privileges", "--dbname"]);
    let said = tool.arg(warehouse.url()).arg(archive).run().stderr();
    let mut entry = None;
    let mut refused = Vec::new();
    for line in said.lines() {
        if let Some(numbered) = line.strip_prefix("pg_restore: from TOC entry ") {
            // `215; 1255 16385 FUNCTION f() postgres`
            let named = numbered.splitn(4, ' ').nth(3).unwrap();
            let without_owner = named.strip_suffix(" (no owner)");
            let named = without_owner.or(named.rsplit_once(' ').map(|(named, _)| named));
            entry = named.map(|named| named.replace("public.", ""));
        } else if let Some((_, error)) = line.split_once("ERROR:  ") {
            let follows = error.contains("does not exist");
            refused.extend(entry.clone().map(|entry| (entry, follows)));
        }
    }
    refused
}

fn plan(archive: &std::path::Path, warehouse: &Owned<'_>) -> Tool {
    let tool = bare_nocturne().args(["run", "--dry-run"]).env("MAX_RETRY_COUNT", "0");
    let tool = tool.env("BACKUP_SOURCE", archive).env("BACKUP_ANY_DAY", "true");
    tool.env("DATABASE_URL", warehouse.url()).current_dir(archive.parent().unwrap())
}

fn dump(source: &Database<'_>) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("backup.dump");
    source.pg_dump(&["--format=custom", "--file"]).arg(&archive).succeed();
    (folder, archive)
}

#[test]
fn dry_run_foresees_every_entry_refused_to_the_role() {
    for major in crate::common::versions().into_iter().filter(|major| [15, 18].contains(major)) {
        let cluster = cluster(major);
        let source = cluster.fresh_db("foreseen_source");
        source.execute(SOURCE);
        let (_keep, archive) = dump(&source);
        // A database with a subscription cannot be dropped.
        source.execute("DROP SUBSCRIPTION subscription");
        let refused = refused_by_pg_restore(&warehouse(cluster, "foreseen_expected"), &archive);
        let target = warehouse(cluster, "foreseen");
        let planned = plan(&archive, &target).run().expect_code(1);
        let text = planned.stdout().replace("public.", "");
        let (_, problems) = text.split_once("\nProblems\n").unwrap();
        assert!(!text.contains("word-in-a-path"), "{planned}");
        for (entry, follows) in &refused {
            assert!(*follows || problems.contains(entry.as_str()), "{major}: {entry}\n{planned}");
        }
        assert!(problems.contains("GRANT USAGE ON FOREIGN DATA WRAPPER installed TO"), "{planned}");
        // And nothing else.
        let mut names: Vec<&str> = refused.iter().map(|(entry, _)| entry.as_str()).collect();
        names.sort_unstable_by_key(|name| std::cmp::Reverse(name.len()));
        let lists: Vec<&str> =
            problems.lines().filter_map(|line| Some(line.split_once(REASON)?.0)).collect();
        assert!(lists.len() > 15, "{planned}");
        for list in lists {
            let rest = names.iter().fold(list.to_owned(), |list, name| list.replace(name, ""));
            assert!(rest.chars().all(|c| " -,".contains(c)), "{major}: {rest:?}\n{planned}");
        }
        let tolerated = plan(&archive, &target).env("RESTORE_TOLERATE", r#"["42501","42P13"]"#);
        tolerated.succeed();
    }
}
