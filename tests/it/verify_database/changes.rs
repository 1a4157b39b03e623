//! Changes after the restore are found, and nothing else is.

use serde_json::Value;

use super::source::{SOURCE, restored, verify};
use crate::common::versions::newest;
use crate::common::{Archive, Owned, cluster, for_each_version, restore};

#[test]
fn every_change_is_found_and_reported() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, SOURCE);
    let target = restored(&archive, cluster);
    verify(&archive.path(), &target.url(), &[]).expect(0);
    let changes = [
        ("DELETE FROM plain WHERE id = 7", "plain different 1 row too few"),
        (
            "INSERT INTO plain VALUES (0, 'x', 'y'), (-1, 'x', 'y')",
            "plain different 2 rows too many",
        ),
        (
            "UPDATE plain SET word = 'W7' WHERE id = 7",
            "plain different same row count, different rows",
        ),
        (
            "UPDATE plain SET big = NULL WHERE id = 7",
            "plain different same row count, different rows",
        ),
        // One of ten equal rows is deleted, another one duplicated.
        (
            "DELETE FROM doubled WHERE ctid = (SELECT min(ctid) FROM doubled WHERE a = 1); \
             INSERT INTO doubled VALUES (2, 'C')",
            "doubled different same row count, different rows",
        ),
        // Pairs, which an XOR would not see.
        (
            "DELETE FROM doubled WHERE ctid IN (SELECT ctid FROM doubled WHERE a = 1 LIMIT 2); \
             INSERT INTO doubled VALUES (2, 'C'), (2, 'C')",
            "doubled different same row count, different rows",
        ),
        (
            "UPDATE kinds SET at = at + '1 microsecond' WHERE n = 3",
            "kinds different same row count, different rows",
        ),
        ("UPDATE parts SET id = 0 WHERE id = 5", "parts different same row count, different rows"),
        ("INSERT INTO child VALUES (4)", "child different 1 row too many"),
        ("DROP TABLE doubled", "doubled missing"),
        ("ALTER TABLE doubled DROP COLUMN b", "doubled different column b is missing"),
        ("SELECT nextval('counter')", "counter different 42, used instead of 41, used"),
        ("DROP SEQUENCE counter", "counter missing"),
        ("REFRESH MATERIALIZED VIEW seen WITH NO DATA", "seen different not populated"),
        ("SELECT lo_unlink(70001)", "large objects different 1 missing (70001)"),
        (
            "SELECT lo_put(70003, 2500000, 'x')",
            "large objects different 1 with different contents (70003)",
        ),
        (
            "SELECT lo_put(70002, 0, 'x')",
            "large objects different 1 with different contents (70002)",
        ),
    ];
    for (change, difference) in changes {
        let copy = cluster.adopt_db(format!("{}_changed", target.name));
        cluster.tool("createdb").args(["--template", &target.name, &copy.name]).succeed();
        copy.execute(change);
        let verified = verify(&archive.path(), &copy.url(), &[]).expect(1);
        assert_eq!(verified.differences(), [difference], "{change}: {}", verified.finished);
    }
}

#[test]
fn row_order_and_extra_columns_are_no_difference() {
    for_each_version(|cluster| {
        let archive = Archive::of(cluster, SOURCE);
        let target = restored(&archive, cluster);
        target.execute(
            "CREATE TABLE again AS SELECT * FROM doubled ORDER BY a DESC, b; TRUNCATE doubled; \
             INSERT INTO doubled SELECT * FROM again; UPDATE plain SET word = word WHERE id < 100; \
             ALTER TABLE parent ADD COLUMN more text DEFAULT 'x';",
        );
        let verified = verify(&archive.path(), &target.url(), &["-j", "3"]).expect(0);
        let is_further = |item: &&Value| item["notes"].to_string().contains("not in the archive");
        let notes: Vec<_> = verified.items().iter().filter(is_further).collect();
        let named: Vec<_> = notes.iter().filter_map(|item| item["name"].as_str()).collect();
        assert_eq!(named, ["child", "parent"], "{}", verified.finished);
    });
}

#[test]
fn only_selected_entries_are_compared() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, SOURCE);
    let target = restored(&archive, cluster);
    target.execute("DELETE FROM plain; SELECT lo_unlink(70001)");
    verify(&archive.path(), &target.url(), &["-t", "doubled"]).expect(0);
    let one = verify(&archive.path(), &target.url(), &["-t", "plain"]).expect(1);
    assert_eq!(one.items().len(), 1, "{}", one.finished);
    // Which rows of a partition belong to the root cannot be determined.
    let part = verify(&archive.path(), &target.url(), &["-t", "parts_0"]).expect(1);
    assert!(part.differences()[0].starts_with("parts unknown"), "{}", part.finished);
    let parts = ["-t", "parts_0", "-t", "parts_1"];
    verify(&archive.path(), &target.url(), &parts).expect(0);
}

#[test]
fn text_lists_the_differences_or_everything() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, SOURCE);
    let target = restored(&archive, cluster);
    target.execute("DELETE FROM plain WHERE id = 7");
    let text = |args: &[&str]| {
        let tool = crate::common::nocturne().arg("verify").arg(archive.path());
        tool.args(["-d", &target.url()]).args(args).run().expect_code(1).stdout()
    };
    let short = text(&[]);
    assert_eq!(short.lines().count(), 6, "{short}");
    assert!(
        short.contains("TABLE  public.plain           500           499  DIFFERENT"),
        "{short}"
    );
    assert!(short.ends_with(": 1 different\n"), "{short}");
    let long = text(&["-v"]);
    assert!(long.contains("SEQUENCE") && long.contains("LARGE OBJECTS"), "{long}");
}

#[test]
fn database_owner_can_compare_and_reports_unreadable_tables() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, SOURCE);
    let owned = Owned::new(cluster, "verifier");
    restore_as(&archive, &owned);
    verify(&archive.path(), &owned.url(), &[]).expect(0);
    owned.database.execute(
        "ALTER TABLE plain OWNER TO postgres; REVOKE ALL ON plain FROM PUBLIC; \
         ALTER LARGE OBJECT 70001 OWNER TO postgres; \
         ALTER TABLE doubled ENABLE ROW LEVEL SECURITY; ALTER TABLE doubled OWNER TO postgres; \
         GRANT SELECT ON doubled TO PUBLIC",
    );
    let verified = verify(&archive.path(), &owned.url(), &[]).expect(1);
    let differences = verified.differences().join("\n");
    for said in [
        "plain unknown ERROR: permission denied for table plain",
        "doubled unknown ERROR: query would be affected by row-level security policy",
        "large objects unknown ERROR: permission denied for large object 70001",
    ] {
        assert!(differences.contains(said), "{differences}");
    }
    assert_eq!(verified.differences().len(), 3, "{differences}");
}

#[test]
fn only_dumped_rows_of_extension_tables_are_compared() {
    let cluster = cluster(newest());
    let source = cluster.fresh_db("extended");
    source.execute(
        "CREATE TABLE conf (id int, own bool); ALTER EXTENSION plpgsql ADD TABLE conf; \
         INSERT INTO conf VALUES (1, true), (2, false); SET allow_system_table_mods = on; \
         UPDATE pg_extension SET extconfig = ARRAY['conf'::regclass::oid], \
         extcondition = ARRAY['WHERE own'] WHERE extname = 'plpgsql'",
    );
    let archive = Archive::dump(&source, &["--format=custom"]);
    let verified = verify(&archive.path(), &source.url(), &[]).expect(0);
    assert_eq!(verified.items()[0]["in_database"], 1, "{}", verified.finished);
    source.execute("UPDATE conf SET own = true");
    verify(&archive.path(), &source.url(), &[]).expect(1);
}

fn restore_as(archive: &Archive, owned: &Owned<'_>) {
    let restored = crate::common::restore_to(&archive.path(), &owned.url(), &["--no-owner"]);
    restored.expect(0);
}

#[test]
fn damaged_archive_and_unreachable_server_have_own_codes() {
    let cluster = cluster(newest());
    let archive = Archive::with(cluster, SOURCE, &["--format=custom", "--compress=0"]);
    let target = restored(&archive, cluster);
    verify(&archive.path(), "host=/nowhere", &[]).expect(4);
    let mut bytes = std::fs::read(archive.path()).unwrap();
    let end = bytes.windows(4).rposition(|four| four == b"\\.\n\n").unwrap();
    bytes[end] = b'x';
    let broken = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(broken.path(), bytes).unwrap();
    let verified = verify(broken.path(), &target.url(), &[]).expect(3);
    assert_eq!(verified.json["faults"].as_array().unwrap().len(), 1, "{}", verified.finished);
    assert_eq!(verified.differences().len(), 1, "{}", verified.finished);
}

#[test]
fn restore_of_nothing_is_all_missing() {
    let cluster = cluster(newest());
    let archive = Archive::of(cluster, SOURCE);
    let target = cluster.fresh_db("nothing");
    let verified = verify(&archive.path(), &target.url(), &[]).expect(1);
    let missing = verified.differences();
    assert!(missing.iter().all(|told| told.contains("missing")), "{missing:?}");
    assert_eq!(missing.len(), verified.items().len());
    restore(&archive.path(), &target, &[]).expect(0);
}
