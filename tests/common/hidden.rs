//! What a restore can get wrong without pg_dump showing it.

use super::cluster::Database;

/// Objects of the database itself. `HIDDEN` is replaced by the excluded schemas.
const OWN: &str = "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema' HIDDEN)";

/// One line for each index, constraint, materialized view and stored generated column.
///
/// Constraints of partitions that belong to one of the parent are not named: the server chose the
/// name. Columns that an older server lacks are read through JSON.
const QUERIES: &str = r#"
SET search_path = pg_catalog;
SELECT concat('index ', indexrelid::regclass, ' of ', indrelid::regclass,
        CASE WHEN indisvalid THEN '' ELSE ', invalid' END,
        CASE WHEN indisready THEN '' ELSE ', not ready' END,
        CASE WHEN indislive THEN '' ELSE ', not live' END,
        CASE WHEN indisreplident THEN ', replica identity' END,
        CASE WHEN indisclustered THEN ', clustered' END,
        ', part of ' || inhparent::regclass)
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_inherits ON inhrelid = indexrelid
    WHERE OWN;
SELECT concat('constraint ',
        CASE WHEN conparentid = 0 THEN quote_ident(conname) ELSE '(of the parent)' END,
        ' (', contype, ') of ', CASE WHEN conrelid <> 0 THEN conrelid::regclass::text
                                   ELSE contypid::regtype::text END,
        CASE WHEN confrelid <> 0 THEN ' to ' || confrelid::regclass END,
        CASE WHEN convalidated THEN '' ELSE ', not validated' END,
        CASE WHEN to_jsonb(o) ->> 'conenforced' = 'false' THEN ', not enforced' END)
    FROM pg_constraint o JOIN pg_namespace n ON n.oid = connamespace
    WHERE OWN;
SELECT concat('materialized view ', c.oid::regclass,
        CASE WHEN relispopulated THEN '' ELSE ', not populated' END)
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'm' AND OWN;
SELECT format('SELECT concat(%L, count(*), '' values, '', md5(string_agg(%I::text, chr(10)
        ORDER BY %2$I::text COLLATE "C"))) FROM %s %s',
        concat('generated ', c.oid::regclass, '.', quote_ident(attname), ': '), attname,
        CASE relkind WHEN 'r' THEN 'ONLY' END, c.oid::regclass)
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        JOIN pg_namespace n ON n.oid = relnamespace
    WHERE attgenerated = 's' AND NOT attisdropped AND NOT relispartition AND relkind IN ('r', 'p')
        AND relpersistence <> 't' AND OWN \gexec
"#;

/// The state that pg_dump hides: whether indexes are valid, ready and attached to the parent's,
/// whether constraints are validated and enforced, whether materialized views are populated, and
/// the values of stored generated columns.
///
/// `args` are pg_dump's: the schemas that it skips are skipped here.
pub fn hidden(database: &Database<'_>, args: &[&str]) -> String {
    let skipped: String = args
        .windows(2)
        .filter(|pair| pair[0] == "--exclude-schema")
        .map(|pair| format!(", '{}'", pair[1]))
        .collect();
    let sql = QUERIES.replace("OWN", OWN).replace("HIDDEN", &skipped);
    let answer = database.psql().args(["--tuples-only", "--no-align"]).input(sql).succeed();
    let answer = answer.comparable_stdout();
    let mut lines: Vec<&str> = answer.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The statistics of tables and columns, as pg_dump shows them; `None` before PostgreSQL 18, which
/// cannot dump them, and if no column has any.
pub fn statistics(database: &Database<'_>) -> Option<String> {
    let any = "SELECT EXISTS (SELECT FROM pg_stats \
               WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'nocturne'))";
    if database.cluster.major < 18 || database.query(any) != "t" {
        return None;
    }
    Some(
        database
            .pg_dump(&["--format=plain", "--no-sync", "--statistics-only"])
            .succeed()
            .comparable_stdout(),
    )
}
