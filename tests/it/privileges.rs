//! Restores by a role that is not a superuser, and into servers that lack roles or extensions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::common::versions::newest;
use crate::common::{
    Cluster, Database, Restored, assert_same_database, cluster, fresh_name, restore, restore_to,
    versions,
};
use tempfile::TempDir;

/// A role that owns databases and has no other privilege.
struct Owner<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl<'a> Owner<'a> {
    fn new(cluster: &'a Cluster, name: &str) -> Self {
        let name = fresh_name(name);
        cluster
            .psql("postgres")
            .args(["--command", &format!("CREATE ROLE {name} LOGIN")])
            .succeed();
        Self { cluster, name }
    }

    fn database(&self, name: &str) -> Database<'a> {
        let database = self.cluster.fresh_db(name);
        database.execute(&format!("ALTER DATABASE \"{}\" OWNER TO {}", database.name, self.name));
        database
    }

    fn url(&self, database: &Database<'_>) -> String {
        database.url().replace("user=postgres", &format!("user={}", self.name))
    }

    /// What pg_restore does as this role.
    fn pg_restore(&self, archive: &Path, database: &Database<'_>, args: &[&str]) -> Theirs {
        // Only --verbose shows which entry an error belongs to.
        let tool = self.cluster.tool("pg_restore").arg("--verbose").args(args);
        let url = self.url(database);
        let finished = tool.args(["--dbname", &url]).arg(archive).run();
        let said = finished.stderr();
        let of = |line: &str| {
            let number = line.strip_prefix("pg_restore: from TOC entry ")?.split(';').next()?;
            number.parse().ok()
        };
        Theirs { code: finished.code(), failed: said.lines().filter_map(of).collect(), said }
    }
}

struct Theirs {
    code: i32,
    /// The IDs of the entries that failed.
    failed: BTreeSet<i64>,
    said: String,
}

/// The IDs of the entries that failed, from their own cause or another's.
fn failed(restored: &Restored) -> BTreeSet<i64> {
    let of = |entry: &serde_json::Value| entry["dump_id"].as_i64().unwrap();
    let own = restored.summary["failures"].as_array().unwrap().iter().map(of);
    let causes = restored.summary["causes"].as_array().unwrap().iter();
    let followed = causes.flat_map(|cause| cause["entries"].as_array().unwrap().iter().map(of));
    own.chain(followed).collect()
}

fn dumped(database: &Database<'_>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    database.pg_dump(&["--format=custom"]).arg("--file").arg(&path).succeed();
    (folder, path)
}

#[test]
fn database_owner_matches_pg_restore_successes_and_failures() {
    for major in versions().into_iter().filter(|major| [15, 18].contains(major)) {
        let cluster = cluster(major);
        let source = cluster.fresh_db("source");
        source.load_every_object();
        let (_keep, archive) = dumped(&source);
        let owner = Owner::new(cluster, "plain");
        for args in [&[][..], &["--no-owner", "--no-privileges"]] {
            let (expected, actual) = (owner.database("expected"), owner.database("actual"));
            let theirs = owner.pg_restore(&archive, &expected, args);
            let ours = restore_to(&archive, &owner.url(&actual), &[args, &["-j", "2"]].concat());
            let ours = ours.expect(1);
            assert_eq!(theirs.code, 1, "{}", theirs.said);
            let failed = failed(&ours);
            let only_theirs: Vec<_> = theirs.failed.difference(&failed).collect();
            let only_ours: Vec<_> = failed.difference(&theirs.failed).collect();
            assert!(
                only_theirs.is_empty() && only_ours.is_empty(),
                "{major} {args:?}: only pg_restore fails at {only_theirs:?}, only nocturne at \
                 {only_ours:?}\n{}\n{}",
                theirs.said,
                ours.finished
            );
            assert_same_database(&actual, &expected);
        }
    }
}

/// The newest version with contrib extensions, which the wheel of PostgreSQL 16 lacks.
fn with_extensions() -> Option<&'static Cluster> {
    versions().into_iter().rev().find(|major| *major != 16).map(cluster)
}

/// A server whose extension belongs to the superuser, as at hosts that install extensions.
#[test]
fn comment_on_another_roles_extension_can_be_tolerated() {
    let Some(cluster) = with_extensions() else { return };
    let source = cluster.fresh_db("source");
    source.execute("CREATE TABLE t (id int); CREATE EXTENSION citext");
    let (_keep, archive) = dumped(&source);
    let owner = Owner::new(cluster, "guest");
    let target = owner.database("comment");
    target.execute("CREATE EXTENSION citext");
    let restored = restore_to(&archive, &owner.url(&target), &["--no-owner"]).expect(1);
    let failed = restored.failed();
    assert!(
        failed
            .iter()
            .all(|entry| entry.starts_with("COMMENT EXTENSION") && entry.ends_with("42501")),
        "{}",
        restored.finished
    );
    assert_eq!(failed.len(), 1, "{}", restored.finished);

    let target = owner.database("comment");
    target.execute("CREATE EXTENSION citext");
    let args = ["--no-owner", "--tolerate", "comment-on-extension"];
    let restored = restore_to(&archive, &owner.url(&target), &args).expect(0);
    assert_eq!(restored.total("tolerated"), 1, "{}", restored.finished);
}

#[test]
fn comment_shares_the_tolerance_of_its_object() {
    let Some(cluster) = with_extensions() else { return };
    let source = cluster.fresh_db("source");
    source.execute(
        "CREATE EXTENSION pageinspect;
         CREATE TABLE t (id int); COMMENT ON TABLE t IS 'remark'; INSERT INTO t VALUES (1);
         CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch();
         COMMENT ON EVENT TRIGGER watcher IS 'remark';
         CREATE FOREIGN DATA WRAPPER wrapper; COMMENT ON FOREIGN DATA WRAPPER wrapper IS 'remark';
         GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO PUBLIC;
         CREATE FUNCTION inside(int) RETURNS int LANGUAGE internal AS 'int4inc';
         COMMENT ON FUNCTION inside(int) IS 'remark'; REVOKE EXECUTE ON FUNCTION inside FROM PUBLIC",
    );
    let (_keep, archive) = dumped(&source);
    let owner = Owner::new(cluster, "commenter");
    let target = owner.database("comment_pair");
    let restored = restore_to(&archive, &owner.url(&target), &["--no-owner"]).expect(1);
    assert_eq!(restored.total("tolerated"), 0, "{}", restored.finished);
    // Four objects, their comments, and two ACLs.
    for (jobs, code) in [("1", "42501"), ("2", "42501")] {
        let target = owner.database("comment_pair");
        let args = ["--no-owner", "-j", jobs, "--tolerate", code];
        let restored = restore_to(&archive, &owner.url(&target), &args).expect(0);
        assert_eq!(restored.total("tolerated"), 10, "{}", restored.finished);
        assert_eq!(target.query("SELECT count(*) FROM t"), "1");
    }
    // An object that is missing for another reason does not excuse its comment.
    let target = owner.database("comment_pair");
    let args = ["--no-owner", "--tolerate", "42P07"];
    let restored = restore_to(&archive, &owner.url(&target), &args).expect(1);
    assert_eq!(restored.total("tolerated"), 0, "{}", restored.finished);
}

#[test]
fn unavailable_extension_can_be_tolerated_with_its_comment() {
    let Some(cluster) = with_extensions() else { return };
    let source = cluster.fresh_db("source");
    source.execute("CREATE EXTENSION citext; CREATE TABLE t (id int)");
    let (_keep, archive) = without_extension(&source);
    let target = cluster.fresh_db("tolerated_extension");
    let restored = restore(&archive, &target, &["--tolerate", "0A000"]).expect(0);
    assert_eq!(restored.total("tolerated"), 2, "{}", restored.finished);
}

#[test]
fn missing_role_is_reported_once_before_any_row() {
    let cluster = cluster(newest());
    let role = fresh_name("gone");
    let source = cluster.fresh_db("source");
    source.execute(&format!(
        "CREATE ROLE {role}; CREATE TABLE a (id int); CREATE TABLE b (id int);
         ALTER TABLE a OWNER TO {role}; GRANT SELECT ON b TO {role};
         INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);"
    ));
    let (_keep, archive) = dumped(&source);
    source.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role};"));
    let target = cluster.fresh_db("missing_role");
    let restored = restore(&archive, &target, &["-j", "2"]).expect(1);
    let said = restored.stderr();
    let message = format!("role \"{role}\" does not exist on the target");
    let told: Vec<usize> = said.match_indices(&message).map(|(place, _)| place).collect();
    // Once when it is detected, once in the summary.
    assert_eq!(told.len(), 2, "{}", restored.finished);
    assert!(told[0] < said.find("TABLE DATA public.a started").unwrap(), "{said}");
    assert!(said.contains(&format!("{message}: needed by 2 entries")), "{said}");
    assert_eq!(restored.summary["errors"], 1, "{}", restored.finished);
    assert_eq!(target.query("SELECT count(*) FROM a, b"), "1", "rows are loaded all the same");

    let target = cluster.fresh_db("missing_role");
    let restored = restore(&archive, &target, &["--tolerate", "missing-role"]).expect(0);
    assert_eq!(restored.total("tolerated"), 2, "{}", restored.finished);
}

#[test]
fn missing_owner_is_not_called_a_missing_object() {
    let cluster = cluster(newest());
    let role = fresh_name("left");
    let source = cluster.fresh_db("source");
    source.execute(&format!(
        "CREATE ROLE {role}; CREATE TABLE a (id int PRIMARY KEY); CREATE INDEX a_id ON a (id);
         CREATE VIEW v AS SELECT 1 AS one; ALTER TABLE a OWNER TO {role};
         ALTER VIEW v OWNER TO {role}; CREATE TABLE b (id int); GRANT SELECT ON b TO {role};
         INSERT INTO a VALUES (1);"
    ));
    let (_keep, archive) = dumped(&source);
    source.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role};"));
    let message = format!("role \"{role}\" does not exist on the target");
    let target = cluster.fresh_db("owner");
    let restored = restore(&archive, &target, &[]).expect(1);
    let said = format!("\n{message}: owner not set on 2 entries, 1 entry not restored\n");
    assert!(restored.stderr().contains(&said), "{}", restored.finished);
    assert_eq!(restored.summary["causes"][0]["without_owner"], 2, "{}", restored.finished);
    // Indexes and constraints have no separate owner: nothing is missing.
    let target = cluster.fresh_db("owner");
    target.execute("CREATE TABLE a (id int); CREATE TABLE b (id int)");
    let args = ["--section=post-data", "--no-privileges"];
    for more in [&[][..], &["--exit-on-error", "--clean", "--if-exists"]] {
        let args = [&args[..], more].concat();
        let restored = restore(&archive, &target, &args).expect(0);
        assert!(!restored.stderr().contains(&message), "{}", restored.finished);
    }
}

#[test]
fn missing_extension_counts_wanted_entries_only() {
    let Some(cluster) = with_extensions() else { return };
    let source = cluster.fresh_db("source");
    source.execute(
        "CREATE EXTENSION citext; CREATE TABLE t (id citext PRIMARY KEY);
         INSERT INTO t VALUES ('a');",
    );
    let (_keep, archive) = without_extension(&source);
    let target = cluster.fresh_db("missing_extension");
    let restored = restore(&archive, &target, &["--section=pre-data"]).expect(1);
    let message = "extension \"nosuch\" cannot be installed on the target";
    let [cause] = &restored.causes()[..] else { panic!("{}", restored.finished) };
    assert_eq!((cause.0.as_str(), cause.1.len()), (message, 3), "{}", restored.finished);
    let told = format!("{message}: needed by up to 3 entries");
    assert!(restored.stderr().contains(&told), "{}", restored.finished);
}

/// An archive of a database with citext, in which the extension has a name unknown to any server.
fn without_extension(source: &Database<'_>) -> (TempDir, PathBuf) {
    let (folder, archive) = dumped(source);
    let bytes = std::fs::read(&archive).unwrap();
    let mut renamed = bytes.clone();
    let places = bytes.windows(6).enumerate().filter(|(_, text)| *text == b"citext");
    for (place, _) in places {
        renamed[place..place + 6].copy_from_slice(b"nosuch");
    }
    assert_ne!(renamed, bytes);
    std::fs::write(&archive, renamed).unwrap();
    (folder, archive)
}

#[test]
fn missing_extension_is_reported_once_with_its_dependents() {
    let Some(cluster) = with_extensions() else { return };
    let source = cluster.fresh_db("source");
    source.execute("CREATE EXTENSION citext; CREATE TABLE t (id citext); INSERT INTO t VALUES ('a'); CREATE TABLE u (id int); INSERT INTO u VALUES (1);");
    let (_keep, archive) = without_extension(&source);
    let target = cluster.fresh_db("missing_extension");
    let restored = restore(&archive, &target, &["-j", "2"]).expect(1);
    let said = restored.stderr();
    let message = "extension \"nosuch\" cannot be installed on the target";
    let told: Vec<usize> = said.match_indices(message).map(|(place, _)| place).collect();
    assert_eq!(told.len(), 2, "{}", restored.finished);
    assert!(told[0] < said.find("TABLE DATA public.u started").unwrap(), "{said}");
    assert_eq!(restored.summary["errors"], 1, "{}", restored.finished);
    assert_eq!(target.query("SELECT count(*) FROM u"), "1");
}
