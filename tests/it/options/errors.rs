//! What the server refuses: `--tolerate` in each of its kinds, and reports of the rest.

use super::probe::{self, Before, archive, restore, restore_as, scratch, server, target};
use crate::common::{Database, Finished, nocturne};

/// The number of tolerated and failed entries in the summary file of a run.
fn counts(path: &std::path::Path) -> (u64, u64) {
    let summary = std::fs::read_to_string(path).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let count = |name: &str| summary["total"][name].as_u64().unwrap();
    (count("tolerated"), count("failed"))
}

/// A run that tolerates nothing and fails, and one in which everything is tolerated.
fn tolerates(name: &str, words: &[&str], run: impl Fn(&[&str]) -> Finished) {
    let path = scratch(&format!("tolerate-{name}.json"));
    let summary = ["--summary", path.to_str().unwrap()];
    run(&summary).expect_code(1);
    let (tolerated, failed) = counts(&path);
    assert!(tolerated == 0 && failed > 0, "{tolerated} {failed}");
    for word in words {
        let done = run(&[&summary[..], &["--tolerate", word]].concat());
        let (still_tolerated, still_failed) = counts(&path);
        assert!(still_tolerated > 0 && still_failed == 0, "{word}: {done}");
        done.expect_code(0);
    }
    // Another kind has no effect.
    run(&[&summary[..], &["--tolerate", "22012"]].concat()).expect_code(1);
}

#[test]
fn existing_objects_are_tolerated() {
    // Definitions only: duplicate rows are a different case.
    tolerates("exists", &["already-exists"], |options| {
        let database = target(Before::More);
        restore(&database, &[&["-s", "--no-subscriptions"], options].concat())
    });
}

#[test]
fn sqlstate_is_tolerated() {
    tolerates("sqlstate", &["42P06,42P07", "42p06,42P07"], |options| {
        let database = target(Before::Empty);
        restore(&database, &[&["-s"], options].concat())
    });
    // The options may be repeated.
    let database = target(Before::Empty);
    restore(&database, &["-s", "--tolerate", "42P06", "--tolerate", "42P07"]).expect_code(0);
}

#[test]
fn missing_role_is_tolerated() {
    let server = server();
    let source = server.fresh_db("options_role");
    source.execute(
        "CREATE ROLE options_leaving; CREATE ROLE options_reader_leaving; \
         CREATE TABLE public.owned (id integer); ALTER TABLE public.owned OWNER TO options_leaving; \
         CREATE TABLE public.granted (id integer); \
         GRANT SELECT ON public.granted TO options_reader_leaving",
    );
    let path = scratch("roles.dump");
    probe::dump(&source, &path, &[]);
    source.execute(
        "DROP OWNED BY options_leaving, options_reader_leaving; \
         DROP ROLE options_leaving, options_reader_leaving",
    );
    let run = |database: &Database<'_>, options: &[&str]| {
        nocturne().args(["restore", "-d", &database.url()]).args(options).arg(&path).run()
    };
    let database = server.fresh_db("options_role");
    let refused = run(&database, &[]).expect_code(1);
    for role in ["options_leaving", "options_reader_leaving"] {
        assert!(refused.stderr().contains(&format!("role \"{role}\" does not exist")), "{refused}");
    }
    // The tables exist all the same.
    assert_eq!(database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "2");
    let database = server.fresh_db("options_role");
    let summary = scratch("roles.json");
    run(&database, &["--tolerate", "missing-role", "--summary", summary.to_str().unwrap()])
        .expect_code(0);
    assert_eq!(database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "2");
    let database = server.fresh_db("options_role");
    run(&database, &["-O", "-x"]).expect_code(0);
}

#[test]
fn extension_comment_is_tolerated() {
    let server = server();
    let source = server.fresh_db("options_extension");
    let has = "SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'";
    if source.query(has) == "0" {
        eprintln!("PostgreSQL {} has no hstore here: not tested", server.major);
        return;
    }
    source.execute("CREATE EXTENSION hstore; COMMENT ON EXTENSION hstore IS 'another comment'");
    let path = scratch("extension.dump");
    probe::dump(&source, &path, &[]);
    tolerates("comment", &["comment-on-extension"], |options| {
        let database = server.fresh_db("options_extension");
        // Stands in for a hosting provider's extension.
        database.execute("CREATE EXTENSION hstore");
        restore_as("options_plain", &database, &path).args(options).run()
    });
}

#[test]
fn without_exit_on_error_the_rest_is_restored() {
    let database = target(Before::Late);
    let done = restore(&database, &[]).expect_code(1);
    assert!(done.stderr().contains("publication \"options_publication\" already exists"), "{done}");
    assert_eq!(database.query("SELECT count(*) FROM one.counted"), "20");
}

#[test]
fn exit_on_error_skips_everything_after_the_error() {
    for option in ["-e", "--exit-on-error"] {
        let database = target(Before::Late);
        let done = restore(&database, &[option, "-j1"]).expect_code(1);
        assert!(done.stderr().contains("already exists"), "{done}");
        assert_eq!(database.query("SELECT count(*) FROM pg_policies"), "1");
        assert_eq!(
            database.query("SELECT count(*) FROM pg_publication_tables"),
            "0",
            "the entry after the one that failed"
        );
    }
}

#[test]
fn not_an_archive_and_unreachable_server_differ() {
    let path = scratch("none.dump");
    std::fs::write(&path, "this is no archive").unwrap();
    let database = target(Before::Nothing);
    let run = |archive: &std::path::Path, url: &str| {
        nocturne().args(["restore", "-d", url]).arg(archive).run().code()
    };
    assert_eq!(run(&path, &database.url()), 3);
    assert_eq!(run(&scratch("missing.dump"), &database.url()), 3);
    assert_eq!(run(archive(), "postgres://127.0.0.1:1/nowhere"), 4);
    assert_eq!(run(archive(), &server().url("no_such_database")), 4);
}
