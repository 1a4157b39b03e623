//! What the command line promises: refusals, answers, dry runs, exit codes.

use serde_json::Value;

use crate::common::{
    Archive, Cluster, Database, Finished, Tool, cluster, dump, dump_without, nocturne, versions,
};

const TABLES: &str = "
CREATE TABLE kept (id integer PRIMARY KEY, note text);
INSERT INTO kept SELECT n, 'note ' || n FROM generate_series(1, 1000) n;
CREATE TABLE changed (id integer PRIMARY KEY, note text);
INSERT INTO changed SELECT n, 'note ' || n FROM generate_series(1, 10000) n;
CREATE TABLE other (id integer);
INSERT INTO other SELECT generate_series(1, 20000);
CREATE SEQUENCE counter;
";

/// Changes of rows only: 70 rows of 10,000, and all of 20,000.
const DAY: &str = "
UPDATE changed SET note = 'changed' WHERE id % 200 = 0;
DELETE FROM changed WHERE id <= 10;
INSERT INTO changed SELECT n, 'new' FROM generate_series(10001, 10010) n;
UPDATE other SET id = -id;
SELECT setval('counter', 7);
";

fn server() -> &'static Cluster {
    cluster(versions::newest())
}

fn archive(source: &Database<'_>) -> Archive {
    Archive::dump(source, &["--format=custom"])
}

fn tool(archive: &Archive, target: &Database<'_>) -> Tool {
    nocturne().args(["sync", "-d", &target.url()]).arg(archive.path())
}

fn sync(archive: &Archive, target: &Database<'_>, args: &[&str]) -> Finished {
    tool(archive, target).args(args).run()
}

/// The source, and a database that was synced with it.
fn synced() -> (Database<'static>, Database<'static>) {
    let (source, target) = (server().fresh_db("source"), server().fresh_db("target"));
    source.execute(TABLES);
    let first = sync(&archive(&source), &target, &[]).expect_code(0);
    let second = line(&first, 1);
    assert_eq!(second, "everything restored: the target has no manifest of it", "{first}");
    (source, target)
}

/// A line of standard error.
fn line(finished: &Finished, number: usize) -> String {
    finished.stderr().lines().nth(number).unwrap_or_default().to_owned()
}

#[test]
fn second_sync_changes_nothing() {
    let (source, target) = synced();
    let oids = target.query("SELECT array_agg(oid ORDER BY oid) FROM pg_class WHERE relkind = 'r'");
    let again = sync(&archive(&source), &target, &[]).expect_code(0);
    assert!(line(&again, 0).starts_with("sync of "), "{again}");
    assert_eq!(line(&again, 1), "3 of 3 tables unchanged", "{again}");
    assert!(again.stderr().ends_with("no errors: 0 entries done, 3 skipped\n"), "{again}");
    let now = target.query("SELECT array_agg(oid ORDER BY oid) FROM pg_class WHERE relkind = 'r'");
    assert_eq!(oids, now, "a table was made again");
}

#[test]
fn changed_rows_are_counted_in_summary_and_its_json() {
    let (source, target) = synced();
    source.execute(DAY);
    let archive = archive(&source);
    let folder = tempfile::tempdir().unwrap();
    let (summary, timeline) = (folder.path().join("s.json"), folder.path().join("t.json"));
    let finished = tool(&archive, &target)
        .args(["-j", "2", "--progress", "log", "--summary"])
        .arg(&summary)
        .arg("--timeline")
        .arg(&timeline)
        .run()
        .expect_code(0);
    let expected = "1 of 3 tables unchanged, 1 patched (60 rows in, 60 out), 1 replaced (more than \
                    12 % of the rows changed); 1 sequence set";
    assert!(finished.stderr().contains(&format!("\n{expected}\n")), "{finished}");
    for logged in [
        "TABLE DATA public.kept unchanged",
        "TABLE DATA public.changed patched",
        "TABLE DATA public.other replaced",
    ] {
        assert!(finished.stderr().contains(logged), "{logged}: {finished}");
    }
    let json = |path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let summary = json(&summary);
    let mut tables: Vec<_> = summary["sync"]["tables"].as_array().unwrap().iter().collect();
    tables.sort_by_key(|table| table["name"].as_str());
    assert_eq!(tables[0]["answer"], "patched");
    assert_eq!((&tables[0]["rows_in"], &tables[0]["rows_out"]), (&60.into(), &60.into()));
    assert_eq!(tables[1]["answer"], "unchanged");
    assert_eq!(tables[2]["rows_in"], 20_000);
    assert_eq!(summary["wanted"], 3);
    assert_eq!(summary["errors"], 0);
    assert!(json(&timeline)["spans"].as_array().unwrap().len() >= 3);
    assert_eq!(dump_without(&target, "nocturne"), dump(&source));
}

#[test]
fn dry_run_prints_changes_and_writes_nothing() {
    let (source, target) = synced();
    source.execute(DAY);
    let (archive, before) = (archive(&source), dump(&target));
    let text = sync(&archive, &target, &["--dry-run"]).expect_code(0);
    assert_eq!(
        text.stdout(),
        "TABLE           ANSWER     ROWS IN  ROWS OUT  REASON\n\
         public.changed  patched         60        60\n\
         public.kept     unchanged\n\
         public.other    replaced    20,000    20,000  more than 12 % of the rows changed\n\
         1 of 3 tables unchanged, 1 patched (60 rows in, 60 out), 1 replaced (more than 12 % of \
         the rows changed)\n"
    );
    assert_eq!(text.stderr(), "");
    let json = sync(&archive, &target, &["--dry-run", "--log-format", "json"]).expect_code(0);
    let json: Value = serde_json::from_str(&json.stdout()).unwrap();
    assert_eq!(json["tables"][0]["rows_in"], 60);
    assert_eq!(dump(&target), before, "a dry run wrote something");

    source.execute("ALTER TABLE kept ADD more integer");
    let archive = self::archive(&source);
    let full = sync(&archive, &target, &["--dry-run"]).expect_code(0).stdout();
    assert!(full.contains("everything would be restored: definitions changed: "), "{full}");
    assert_eq!(dump(&target), before);
}

#[test]
fn patch_limit_decides_what_is_replaced() {
    let (source, target) = synced();
    source.execute(DAY);
    let archive = archive(&source);
    let patched = |limit: &str| {
        let dry = sync(&archive, &target, &["--dry-run", "--patch-limit", limit]);
        dry.expect_code(0).stdout().matches("patched  ").count()
    };
    // A few thousand rows are always patched.
    assert_eq!((patched("0"), patched("12"), patched("100")), (1, 1, 2));
}

#[test]
fn database_without_manifest_is_refused_or_adopted() {
    let (source, target) = (server().fresh_db("source"), server().fresh_db("target"));
    source.execute(TABLES);
    let archive = archive(&source);
    target.pg_restore(&archive.path(), &[]);
    target.execute("DELETE FROM changed WHERE id = 5");
    let before = dump(&target);
    let refused = sync(&archive, &target, &[]).expect_code(1);
    assert_eq!(
        refused.stderr(),
        "nocturne: the target has objects of the archive but no manifest\n\
         hint: --adopt compares them by reading; --from-scratch replaces them\n"
    );
    assert_eq!(dump(&target), before);
    let adopted = sync(&archive, &target, &["--adopt"]).expect_code(0);
    assert!(
        adopted.stderr().contains("2 of 3 tables unchanged, 1 patched (1 row in, 0 out)"),
        "{adopted}"
    );
    assert_eq!(dump_without(&target, "nocturne"), dump(&source));
    let next = sync(&archive, &target, &[]).expect_code(0);
    assert_eq!(line(&next, 1), "3 of 3 tables unchanged");
}

#[test]
fn no_full_fails_before_anything_is_changed() {
    let (source, target) = synced();
    source.execute("CREATE INDEX changed_note ON changed (note)");
    let (archive, before) = (archive(&source), dump(&target));
    let refused = sync(&archive, &target, &["--no-full"]).expect_code(1);
    let said = refused.stderr();
    assert!(said.contains("everything has to be restored: definitions changed: "), "{said}");
    assert!(said.contains("\nhint: nothing was changed"), "{said}");
    assert_eq!(dump(&target), before);
    let full = sync(&archive, &target, &[]).expect_code(0);
    assert!(line(&full, 1).starts_with("everything restored: definitions changed: "), "{full}");
    assert_eq!(dump_without(&target, "nocturne"), dump(&source));
}

#[test]
fn from_scratch_restores_everything() {
    let (source, target) = synced();
    target.execute("UPDATE kept SET note = 'damaged'");
    let full = sync(&archive(&source), &target, &["--from-scratch"]).expect_code(0);
    assert_eq!(line(&full, 1), "everything restored: --from-scratch was given", "{full}");
    assert_eq!(dump_without(&target, "nocturne"), dump(&source));
}

#[test]
fn stream_is_synced_in_one_pass() {
    let (source, target) = synced();
    source.execute(DAY);
    let bytes = std::fs::read(archive(&source).path()).unwrap();
    let piped = nocturne().args(["sync", "-d", &target.url()]).input(bytes).run().expect_code(0);
    // What has passed cannot be read again to replace all rows.
    assert!(piped.stderr().contains("2 patched (20,060 rows in, 20,060 out)"), "{piped}");
    assert_eq!(dump_without(&target, "nocturne"), dump(&source));
}

#[test]
fn refusals_have_the_exit_codes_of_restore() {
    let target = server().fresh_db("target");
    let archive = Archive::of(server(), "CREATE TABLE t (a integer)");
    let refused = sync(&archive, &target, &["-a"]).expect_code(2);
    assert!(refused.stderr().contains("option -a/--data-only cannot be used with sync: "));
    sync(&archive, &target, &["--from-scratch", "--no-full"]).expect_code(2);
    let nowhere = nocturne().arg("sync").arg(archive.path()).run().expect_code(2);
    assert!(nowhere.stderr().contains("no target given"), "{nowhere}");
    let url = target.url();
    nocturne().args(["sync", "-d", &url]).arg("/nonexistent.dump").run().expect_code(3);
    let lost = url.replace("port=", "port=1");
    nocturne().args(["sync", "-d", &lost]).arg(archive.path()).run().expect_code(4);
    assert_eq!(target.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'nocturne'"), "0");
}
