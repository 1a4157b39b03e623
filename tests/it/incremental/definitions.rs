//! What must match on both sides, and what is reported if it does not.

use nocturne::replicate::incremental::{Change, CopySettings, IncrementalError, Side};
use nocturne::server::Retry;

use super::pair::{Pair, chain, copied, error, execute};

const TABLE: &str =
    "CREATE TABLE \"knowledge-elements\" (id bigint PRIMARY KEY, \"answerId\" bigint)";

const ROWS: &str = "INSERT INTO \"knowledge-elements\" (id, \"answerId\") SELECT id, id FROM generate_series(1, 10) id";

fn pair(name: &str) -> Pair {
    let pair = Pair::new(name);
    pair.both(TABLE);
    pair.source.execute(ROWS);
    pair
}

/// The differences, each with its statement; nothing is copied.
fn drift(pair: &Pair) -> Vec<String> {
    let error = pair.error("knowledge-elements");
    let IncrementalError::Drift(drift) = error else { panic!("{error:?}") };
    assert_eq!(IncrementalError::Drift(drift.clone()).retry(), Retry::Never);
    assert_eq!(pair.target.query("SELECT count(*) FROM \"knowledge-elements\""), "0");
    drift.to_string().lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn difference_is_reported_with_its_fixing_statement() {
    for (source, target, expected) in [
        (
            "ALTER TABLE \"knowledge-elements\" ADD COLUMN \"skillId\" varchar(255)",
            "",
            "column \"skillId\" is only in the source: ALTER TABLE public.\"knowledge-elements\" \
             ADD COLUMN \"skillId\" character varying(255);",
        ),
        (
            "",
            "ALTER TABLE \"knowledge-elements\" ADD COLUMN old int",
            "column old is only in the target: ALTER TABLE public.\"knowledge-elements\" DROP \
             COLUMN old;",
        ),
        (
            "ALTER TABLE \"knowledge-elements\" ALTER COLUMN \"answerId\" TYPE numeric(20,2)",
            "",
            "column \"answerId\" is numeric(20,2) in the source, bigint in the target: ALTER TABLE \
             public.\"knowledge-elements\" ALTER COLUMN \"answerId\" TYPE numeric(20,2);",
        ),
    ] {
        let pair = pair("drift");
        pair.source.execute(source);
        pair.target.execute(target);
        assert_eq!(drift(&pair), [expected]);
        // Applying the statement is enough.
        let statement = expected.split_once(": ").unwrap().1;
        pair.target.execute(statement);
        assert_eq!(pair.copy("knowledge-elements").rows, 10);
    }
}

#[test]
fn new_enum_label_is_reported_before_rows_fail() {
    let pair = pair("labels");
    pair.both(
        "CREATE TYPE source AS ENUM ('direct', 'inferred'); \
         ALTER TABLE \"knowledge-elements\" ADD COLUMN source source, ADD COLUMN sources source[]",
    );
    pair.source.execute("ALTER TYPE source ADD VALUE 'it''s new' AFTER 'direct'");
    assert_eq!(
        drift(&pair),
        [
            "label 'it''s new' of type public.source is only in the source: ALTER TYPE public.source \
          ADD VALUE 'it''s new' AFTER 'direct';"
        ]
    );
    pair.target.execute("ALTER TYPE public.source ADD VALUE 'it''s new' AFTER 'direct';");
    pair.source.execute("UPDATE \"knowledge-elements\" SET source = 'it''s new'");
    assert_eq!(pair.copy("knowledge-elements").rows, 10);
}

#[test]
fn nullable_columns_are_added_on_request() {
    let pair = pair("add");
    assert_eq!(pair.copy("knowledge-elements").rows, 10);
    pair.source.execute(
        "ALTER TABLE \"knowledge-elements\" ADD COLUMN \"skillId\" text, ADD COLUMN level numeric(3,1); \
         INSERT INTO \"knowledge-elements\" VALUES (11, 11, 'rec1', 2.5)",
    );
    let settings = CopySettings { add_columns: true, ..pair.settings(&["knowledge-elements"]) };
    let copied = copied(execute(&settings));
    assert_eq!((copied.rows, copied.added_columns), (1, vec!["skillId".into(), "level".into()]));
    pair.assert_same("\"knowledge-elements\"", "id, \"answerId\", \"skillId\", level");
    let counts = "SELECT count(*), count(\"skillId\") FROM \"knowledge-elements\"";
    assert_eq!(pair.target.query(counts), "11|1");

    // With any other difference nothing is added.
    pair.source.execute(
        "ALTER TABLE \"knowledge-elements\" ADD COLUMN a int, ADD COLUMN b int NOT NULL DEFAULT 1",
    );
    let IncrementalError::Drift(drift) = error(execute(&settings)) else { panic!("no drift") };
    let added = |change: &Change| matches!(change, Change::Added { .. });
    assert!(drift.changes.len() == 2 && drift.changes.iter().all(added), "{drift}");
    assert!(drift.to_string().contains("column b, NOT NULL or generated, is only in the source"));
    let columns =
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'knowledge-elements'";
    assert_eq!(pair.target.query(columns), "4");
}

#[test]
fn generated_columns_are_computed_by_the_target() {
    let pair = Pair::across_versions("generated");
    pair.both(
        "CREATE TABLE answers (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, z text)",
    );
    pair.target
        .execute("ALTER TABLE answers ADD COLUMN own int GENERATED ALWAYS AS (a + 1) STORED");
    pair.source
        .execute("INSERT INTO answers (id, a, z) SELECT n, n, n FROM generate_series(1, 9) n");
    assert_eq!(pair.copy("answers").rows, 9);
    pair.assert_same("answers", "id, a, twice, z");
    assert_eq!(pair.target.query("SELECT sum(own) FROM answers"), "54");
}

#[test]
fn missing_table_is_reported_with_its_side() {
    let pair = Pair::new("missing");
    let source = pair.error("answers");
    assert!(matches!(source, IncrementalError::Missing { side: Side::Source, .. }), "{source:?}");
    pair.source.execute("CREATE TABLE answers (id int PRIMARY KEY)");
    let target = pair.error("answers");
    assert!(matches!(target, IncrementalError::Missing { side: Side::Target, .. }), "{target:?}");
    assert_eq!(
        target.to_string(),
        "table public.answers is not in the target: restore its definition first, for example as \
         schema-only"
    );
    pair.target.execute("CREATE VIEW answers AS SELECT 1 AS id");
    let view = pair.error("answers");
    assert!(matches!(view, IncrementalError::NotATable { .. }), "{}", chain(&view));
}

#[test]
fn failed_table_does_not_stop_the_others() {
    let pair = pair("others");
    let summary = execute(&pair.settings(&["answers", "knowledge-elements"]));
    assert!(matches!(summary.tables[0].error, Some(IncrementalError::Missing { .. })));
    assert_eq!((summary.tables[1].copied.rows, summary.rows()), (10, 10));
    assert!(summary.tables[1].error.is_none());
}

#[test]
fn sequences_continue_after_the_copied_rows() {
    let pair = Pair::new("sequences");
    pair.both(
        "CREATE TABLE answers (id bigserial PRIMARY KEY, a int); \
         CREATE TABLE \"Events\" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
             other serial UNIQUE, third serial, a int)",
    );
    pair.source.execute(
        "INSERT INTO answers (a) SELECT n FROM generate_series(1, 100) n; \
         INSERT INTO \"Events\" (a) SELECT n FROM generate_series(1, 50) n",
    );
    let summary = execute(&pair.settings(&["answers", "Events"]));
    assert_eq!((summary.rows(), summary.errors().count()), (150, 0));
    let next = |sequence: &str| pair.target.query(&format!("SELECT nextval('{sequence}')"));
    assert_eq!(next("answers_id_seq"), "101");
    assert_eq!(next("\"Events_id_seq\""), "51");
    assert_eq!(next("\"Events_other_seq\""), "51");
    // There is no index to look up its highest value.
    assert_eq!(next("\"Events_third_seq\""), "1");

    // Never down, and also when there were no rows left to copy.
    pair.target.execute("SELECT setval('answers_id_seq', 5000), setval('\"Events_id_seq\"', 3)");
    assert_eq!(execute(&pair.settings(&["answers", "Events"])).rows(), 0);
    assert_eq!((next("answers_id_seq"), next("\"Events_id_seq\"")), ("5001".into(), "51".into()));
}

#[test]
fn partitioned_tables_are_copied_through_their_parent() {
    let pair = Pair::across_versions("partitioned");
    pair.both(
        "CREATE TABLE answers (id int, a text, PRIMARY KEY (id)) PARTITION BY RANGE (id); \
         CREATE TABLE answers_1 PARTITION OF answers FOR VALUES FROM (0) TO (500); \
         CREATE TABLE answers_2 PARTITION OF answers FOR VALUES FROM (500) TO (2000)",
    );
    pair.source.execute(
        "INSERT INTO answers SELECT n, n FROM generate_series(1, 1000) n; ANALYZE answers",
    );
    let settings = CopySettings { range_rows: 300.try_into().ok(), ..pair.settings(&["answers"]) };
    let copied = copied(execute(&settings));
    assert_eq!((copied.rows, copied.ranges), (1000, 4));
    pair.assert_same("answers_2", "*");
}

#[test]
fn quoted_identifiers_of_one_database_are_no_difference() {
    for quotes_source in [true, false] {
        let pair = Pair::new("quoting");
        pair.both(
            "CREATE TYPE kind AS ENUM ('a', 'b'); \
             CREATE TABLE answers (id date PRIMARY KEY, kind kind, kinds kind[], word text, \
                 own text GENERATED ALWAYS AS (quote_ident(word)) STORED)",
        );
        pair.source.execute("INSERT INTO answers VALUES ('2026-11-30', 'a', '{b}', 'word')");
        let database = if quotes_source { &pair.source } else { &pair.target };
        let name = &database.name;
        database.execute(&format!("ALTER DATABASE {name} SET quote_all_identifiers = on"));
        assert_eq!(pair.copy("answers").rows, 1);
        // Rows are made as the database makes them.
        let own = if quotes_source { "word" } else { "\"word\"" };
        assert_eq!(pair.target.query("SELECT own FROM answers"), own);
        // What is said of a difference has no more quotes than it needs.
        pair.source.execute("ALTER TABLE answers ADD COLUMN day date");
        let error = pair.error("answers");
        assert!(error.to_string().ends_with("ADD COLUMN day date;"), "{error}");
    }
}
