//! Rules of `BACKUP_MODE` for partitioned tables apply to their partitions at every level.

use super::case::command;
use crate::common::{Cluster, Database, Owned, Tool, cluster, versions};

const SOURCE: &str = "
CREATE TABLE events (id int, kind int) PARTITION BY LIST (kind);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2) PARTITION BY RANGE (id);
CREATE TABLE events_2a PARTITION OF events_2 FOR VALUES FROM (0) TO (100);
CREATE TABLE events_2b PARTITION OF events_2 FOR VALUES FROM (100) TO (200);
CREATE INDEX ON events (id);
CREATE TABLE people (name text);
CREATE TABLE workers (boss text) INHERITS (people);
INSERT INTO events SELECT n, 1 + n % 2 FROM generate_series(1, 199) n;
INSERT INTO people VALUES ('a');
INSERT INTO workers VALUES ('b', 'a');
ANALYZE;
";

/// A source, its archive, and an empty warehouse.
struct Case {
    source: Database<'static>,
    warehouse: Owned<'static>,
    folder: tempfile::TempDir,
}

impl Case {
    fn new(name: &str) -> Self {
        let cluster: &'static Cluster = cluster(versions::newest());
        let source = cluster.fresh_db(&format!("{name}_source"));
        source.execute(SOURCE);
        let warehouse = Owned::new(cluster, name);
        Self { source, warehouse, folder: tempfile::tempdir().unwrap() }
    }

    fn dump(&self, args: &[&str]) {
        let path = self.folder.path().join("backup.dump");
        self.source.pg_dump(&["--format=custom", "--file"]).arg(path).args(args).succeed();
    }

    fn night(&self, modes: &str) -> Tool {
        command("run", self.folder.path(), &self.warehouse.url()).env("BACKUP_MODE", modes)
    }

    /// The tables that have rows, each with its row count.
    fn filled(database: &Database<'_>) -> String {
        let tables = "events_1 events_2a events_2b people workers".split(' ');
        let counts: Vec<String> = tables
            .filter(|table| {
                database.query(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == "t"
            })
            .map(|table| {
                let sql =
                    format!("SELECT '{table} ' || count(*) FROM ONLY {table} HAVING count(*) > 0");
                database.query(&sql)
            })
            .filter(|count| !count.is_empty())
            .collect();
        counts.join(", ")
    }

    /// The same for the source, for some tables.
    fn expected(&self, tables: &str) -> String {
        let all = Self::filled(&self.source);
        let wanted = all
            .split(", ")
            .filter(|count| tables.split(' ').any(|table| count.starts_with(&format!("{table} "))));
        wanted.collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn rule_of_partitioned_table_applies_to_its_partitions() {
    let case = Case::new("night_partitions");
    for (args, modes, filled) in [
        (&["--load-via-partition-root"][..], r#"{"events":"schema-only"}"#, "people workers"),
        (
            &["--load-via-partition-root"],
            r#"{"events":"schema-only","events_2b":"full"}"#,
            "events_2b people workers",
        ),
        (&[], r#"{"*":"full","events":"schema-only"}"#, "people workers"),
        (&[], r#"{"events_2":"schema-only"}"#, "events_1 people workers"),
        (&[], r#"{"*":"schema-only","events_2":"full"}"#, "events_2a events_2b"),
        (&[], r#"{"events":"none","events_2a":"schema-only"}"#, "people workers"),
        // Inheriting tables are not partitions.
        (&[], r#"{"people":"schema-only"}"#, "events_1 events_2a events_2b workers"),
    ] {
        case.dump(args);
        let finished = case.night(modes).succeed();
        let warehouse = &case.warehouse.database;
        assert_eq!(Case::filled(warehouse), case.expected(filled), "{modes}: {finished}");
        let tables =
            "SELECT count(*) FROM pg_class WHERE relname LIKE 'events%' AND relkind IN ('r', 'p')";
        let expected = if modes.contains("none") { "0" } else { "5" };
        assert_eq!(warehouse.query(tables), expected, "{modes}: {finished}");
        assert!(!finished.stderr().contains("events_1 is not restored"), "{finished}");
    }
    // The plan shows what happens to each.
    let planned =
        case.night(r#"{"events":"schema-only","events_2b":"full"}"#).arg("--dry-run").run();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = planned.stdout().lines().map(words).collect();
    for line in
        ["public.events schema-only", "public.events_2a schema-only", "public.events_2b full"]
    {
        assert!(lines.iter().any(|known| known == line), "{line}: {planned}");
    }
}

#[test]
fn failed_first_load_of_partitions_is_repeated() {
    let case = Case::new("night_partition_load");
    case.dump(&[]);
    let modes = r#"{"*":"incremental","people":"full","workers":"full"}"#;
    let hooks = crate::common::folder(&[(
        "after-pre-data.sql",
        "ALTER TABLE public.events_2b ADD CONSTRAINT no_rows CHECK (id IS NULL);",
    )]);
    let night = || case.night(modes).env("SOURCE_DATABASE_URL", case.source.url());
    let failed = night().env("HOOKS_DIR", hooks.path()).run().expect_code(1);
    // Once in the log, and as the last line.
    let text = failed.stderr();
    assert_eq!(text.matches("could not be restored, the first").count(), 2, "{failed}");
    assert!(text.lines().last().unwrap().contains("could not be restored, the first"), "{failed}");
    let again = night().arg("--from-scratch").succeed();
    let warehouse = &case.warehouse.database;
    assert_eq!(Case::filled(warehouse), Case::filled(&case.source), "{again}");
    assert_eq!(warehouse.query("SELECT count(*) FROM nocturne.first_loads"), "0");
}

#[test]
fn other_files_of_a_folder_are_named() {
    let case = Case::new("night_other_files");
    case.dump(&[]);
    for name in ["backup.sql.gz", "notes"] {
        std::fs::write(case.folder.path().join(name), "text").unwrap();
    }
    let named = "skipped 2 files or folders: ";
    let planned = case.night("{}").arg("--dry-run").succeed();
    assert!(planned.stdout().contains(named), "{planned}");
    let finished = case.night("{}").succeed();
    assert!(finished.stderr().contains(named), "{finished}");
    std::fs::remove_file(case.folder.path().join("backup.dump")).unwrap();
    let failed = case.night("{}").run().expect_code(1);
    assert!(failed.stderr().contains("contains no archive"), "{failed}");
    assert!(failed.stderr().contains("backup.sql.gz"), "{failed}");
}

#[test]
fn settings_that_leave_no_table_fail_before_drop() {
    let case = Case::new("night_no_table");
    case.dump(&[]);
    case.warehouse
        .database
        .execute(&format!("SET ROLE {}; CREATE TABLE yesterday (id int)", case.warehouse.role));
    let there = || case.warehouse.database.query("SELECT to_regclass('yesterday') IS NOT NULL");
    for (exclude, modes) in [
        (r#"["*"]"#, "{}"),
        (r#"["TABLE *"]"#, "{}"),
        ("", r#"{"*.*":"none"}"#),
        (r#"["TABLE public.e*"]"#, r#"{"people":"none","workers":"none"}"#),
    ] {
        for dry in [&["--dry-run"][..], &[]] {
            let night = case.night(modes).env("RESTORE_EXCLUDE", exclude).args(dry);
            let failed = night.run().expect_code(1);
            assert!(failed.stderr().contains("exclude every table of the backup"), "{failed}");
        }
        assert_eq!(there(), "t", "{exclude} {modes}");
    }
    case.night("{}").env("RESTORE_EXCLUDE", r#"["TABLE public.events"]"#).succeed();
    assert_eq!(there(), "f");
    assert_eq!(Case::filled(&case.warehouse.database), case.expected("people workers"));
}
