//! Options that change the contents of the target: the result equals that of pg_restore with the
//! same options, and differs from that of a run without the option.

use std::collections::HashMap;
use std::fs;

use super::probe::{Before, archive, restore, restore_as, scratch, server, target};
use crate::common::compare::dump_with;
use crate::common::{
    Tool, assert_same_database, cluster, dump, fixtures_where, nocturne, versions,
};

/// A run, and the run that it must differ from.
struct Case {
    before: Before,
    with: &'static [&'static str],
    without: &'static [&'static str],
}

const fn case(
    before: Before,
    with: &'static [&'static str],
    without: &'static [&'static str],
) -> Case {
    Case { before, with, without }
}

/// Compares each case with pg_restore, whose version must support the options.
fn compare_with(cases: &[Case], for_pg_dump: &[&str]) {
    let mut baselines = HashMap::new();
    for Case { before, with, without } in cases {
        let (expected, actual) = (target(*before), target(*before));
        let theirs = expected.pg_restore(archive(), with);
        let ours = restore(&actual, with);
        let what = format!("{before:?} {with:?}\n{ours}\n{theirs}");
        assert_eq!(ours.success(), theirs.success(), "{what}");
        let ours = dump_with(&actual, for_pg_dump);
        assert!(ours == dump_with(&expected, for_pg_dump), "{what}: {}", {
            assert_same_database(&actual, &expected);
            "they differ in statistics"
        });
        let baseline = baselines.entry((*before, *without)).or_insert_with(|| {
            let database = target(*before);
            restore(&database, without);
            dump_with(&database, for_pg_dump)
        });
        assert!(ours != *baseline, "{before:?} {with:?} does not differ from {without:?}");
    }
}

fn compare(cases: &[Case]) {
    compare_with(cases, &[]);
}

#[test]
fn options_that_select_entries() {
    use Before::{More, Nothing, Schema, Schemas, Tables};
    compare(&[
        case(Schema, &["-a"], &[]),
        case(Schema, &["--data-only", "-n", "two"], &["-a"]),
        case(Nothing, &["-s"], &[]),
        case(Nothing, &["--section=pre-data"], &[]),
        case(Nothing, &["--section=pre-data", "--section=data"], &["--section=pre-data"]),
        case(Schema, &["--section=data"], &["--section=pre-data"]),
        case(Tables, &["--section=post-data"], &["--section=pre-data"]),
        case(Schemas, &["-n", "one"], &[]),
        case(Schemas, &["-n", "one", "-n", "two"], &["-n", "one"]),
        case(Schemas, &["-N", "one"], &[]),
        case(Schemas, &["-n", "one", "-t", "counted"], &["-n", "one"]),
        case(More, &["-n", "two", "-t", "counted", "-c"], &[]),
        case(Schema, &["-a", "-t", "counted", "-t", "child"], &["-a", "-t", "counted"]),
        case(Tables, &["-I", "counted_note"], &["-I", "counted_other"]),
        case(
            Schemas,
            &["-n", "one", "-P", "count_it()", "-t", "counted"],
            &["-n", "one", "-t", "counted"],
        ),
        case(Tables, &["-T", "counted counting", "-I", "counted_note"], &["-I", "counted_note"]),
        case(Schemas, &["-n", "nowhere", "--strict-names"], &[]),
        case(Schemas, &["-n", "one", "-t", "nothing", "--strict-names"], &["-n", "one"]),
    ]);
}

#[test]
fn options_that_exclude_something() {
    use Before::Nothing;
    compare(&[
        case(Nothing, &["-x"], &[]),
        case(Nothing, &["--no-acl"], &[]),
        case(Nothing, &["-O"], &[]),
        case(Nothing, &["--no-comments"], &[]),
        case(Nothing, &["--no-publications"], &[]),
        case(Nothing, &["--no-subscriptions"], &[]),
        case(Nothing, &["--no-tablespaces"], &[]),
        case(Nothing, &["--no-table-access-method"], &[]),
        case(Nothing, &["-O", "--role", "options_boss"], &["-O"]),
    ]);
}

#[test]
fn options_since_postgresql_18() {
    use Before::{Nothing, Schema};
    if versions::newest() < 18 {
        return;
    }
    compare(&[
        case(Nothing, &["--no-data"], &[]),
        case(Schema, &["--no-schema"], &["--no-data"]),
        case(Nothing, &["--no-policies"], &[]),
    ]);
    compare_with(
        &[
            case(Schema, &["--statistics-only"], &["--no-statistics", "--no-data"]),
            case(Nothing, &["--no-statistics"], &[]),
            case(
                Schema,
                &["--statistics", "--no-data", "--no-schema"],
                &["--no-statistics", "--no-data"],
            ),
        ],
        &["--statistics-only"],
    );
}

#[test]
fn options_for_existing_objects_and_failures() {
    use Before::{Empty, Late, More, Nothing, Schema, Taken};
    compare(&[
        case(More, &["-c"], &[]),
        case(More, &["-c", "--if-exists"], &[]),
        case(Nothing, &["-c", "--if-exists"], &["-s"]),
        case(Taken, &["-e", "-j1"], &[]),
        case(Late, &["-e", "-j1"], &[]),
        case(Late, &["-1"], &["-e", "-j1"]),
        case(Nothing, &["-1"], &["-s"]),
        case(Empty, &["--no-data-for-failed-tables"], &[]),
        case(Schema, &["-a", "--disable-triggers"], &["-a"]),
        case(Schema, &["-a", "--disable-triggers", "-S", "options_boss"], &["-a"]),
    ]);
    if versions::newest() >= 17 {
        compare(&[
            case(Late, &["--transaction-size=4"], &["-1"]),
            case(Late, &["--transaction-size=10"], &["--transaction-size=4"]),
            case(Nothing, &["--transaction-size=5"], &["-s"]),
        ]);
    }
}

#[test]
fn if_exists_makes_missing_objects_no_errors() {
    let (plain, careful) = (target(Before::Nothing), target(Before::Nothing));
    restore(&plain, &["-c"]).expect_code(1);
    let careful = restore(&careful, &["-c", "--if-exists"]).expect_code(0);
    assert!(!careful.stderr().contains("cannot drop"), "{careful}");
}

#[test]
fn list_file_selects() {
    let listed = nocturne().arg("list").arg(archive()).succeed().stdout();
    let path = scratch("some.list");
    let kept: Vec<&str> = listed.lines().filter(|line| !line.contains(" FK CONSTRAINT ")).collect();
    assert!(kept.len() < listed.lines().count());
    fs::write(&path, kept.join("\n")).unwrap();
    for option in ["-L", "--use-list"] {
        let (expected, actual) = (target(Before::Nothing), target(Before::Nothing));
        let options = [option, path.to_str().unwrap()];
        assert!(expected.pg_restore(archive(), &options).success());
        restore(&actual, &options).expect_code(0);
        assert_same_database(&actual, &expected);
        assert!(!dump(&actual).contains("FOREIGN KEY"));
    }
}

/// With one session the order of a list file is kept: a trigger before the rows counts them.
#[test]
fn list_file_orders() {
    let listed = nocturne().arg("list").arg(archive()).succeed().stdout();
    let trigger = listed.lines().find(|line| line.contains(" TRIGGER one counted ")).unwrap();
    let rows = listed.lines().find(|line| line.contains(" TABLE DATA one counted ")).unwrap();
    let path = scratch("order.list");
    let counted = |lines: [&str; 2]| {
        fs::write(&path, lines.join("\n")).unwrap();
        let database = target(Before::Schema);
        database.execute("DROP TRIGGER counting ON one.counted");
        restore(&database, &["-L", path.to_str().unwrap()]).expect_code(0);
        database.query("SELECT count(*) FROM one.log")
    };
    assert_eq!(counted([trigger, rows]), "20");
    assert_eq!(counted([rows, trigger]), "0");
}

#[test]
fn filter_is_read_from_file_or_standard_input() {
    if versions::newest() < 17 {
        return;
    }
    let path = scratch("some.filter");
    for (number, filter) in [
        "include schema one\n",
        "# a comment\nexclude schema one\n",
        "include table counted\ninclude index counted_note\ninclude schema one\n",
        "include function \"count_it\"()\ninclude schema one\n\ninclude trigger \"counted counting\"\n",
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&path, filter).unwrap();
        let (expected, actual) = (target(Before::Schemas), target(Before::Schemas));
        let option = ["--filter", path.to_str().unwrap()];
        let theirs = expected.pg_restore(archive(), &option);
        let ours = if number % 2 == 0 {
            restore(&actual, &option)
        } else {
            let tool = nocturne().args(["restore", "-d", &actual.url(), "--filter", "-"]);
            tool.arg(archive()).input(filter).run()
        };
        assert_eq!(ours.success(), theirs.success(), "{filter}: {ours}\n{theirs}");
        assert_same_database(&actual, &expected);
        let whole = target(Before::More);
        assert_ne!(dump(&actual), dump(&whole));
    }
}

#[test]
fn security_labels_are_excluded_from_a_selection() {
    // No label provider exists to create one with; a comment is the same kind of entry. A
    // directory archive has no offsets, so that a longer word shifts nothing.
    let fixture = fixtures_where(|fixture| fixture.name.starts_with("every-pg18-directory"));
    let Some(fixture) = fixture.first() else { return };
    let folder = scratch("labels");
    let _ = fs::remove_dir_all(&folder);
    Tool::new("cp").arg("-r").arg(&fixture.path).arg(&folder).succeed();
    let toc = fs::read(folder.join("toc.dat")).unwrap();
    let (old, new) = (b"\0\x07\0\0\0COMMENT\0", b"\0\x0e\0\0\0SECURITY LABEL\0");
    let mut labelled = Vec::new();
    let mut rest = &toc[..];
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(&old[..]) {
            Some(after) => {
                labelled.extend(new);
                rest = after;
            }
            None => {
                labelled.push(*first);
                rest = after;
            }
        }
    }
    fs::write(folder.join("toc.dat"), labelled).unwrap();
    let all = nocturne().arg("list").arg(&folder).succeed().stdout();
    assert!(all.contains(" SECURITY LABEL "), "{all}");
    let ours = nocturne().args(["list", "--no-security-labels"]).arg(&folder).succeed().stdout();
    let theirs =
        fixture.pg_restore().args(["-l", "--no-security-labels"]).arg(&folder).succeed().stdout();
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with(';')).map(str::to_owned).collect()
    };
    assert_eq!(lines(&ours), lines(&theirs));
    assert!(!ours.contains(" SECURITY LABEL "));
}

#[test]
fn jobs_set_the_number_of_sessions() {
    let uses_another_session = |jobs: &str| {
        let database = target(Before::Nothing);
        let done = restore(&database, &["-j", jobs, "--log-format", "json"]).expect_code(0);
        let stderr = done.stderr();
        assert!(stderr.contains(&format!("\"jobs\":{jobs}")), "{stderr}");
        stderr.contains("\"lane\":1")
    };
    assert!(!uses_another_session("1"));
    // The first session may have done everything before the second one is open.
    assert!((0..20).any(|_| uses_another_session("3")));
    // Rows for existing tables are loaded in the archive's order unless several jobs are
    // requested: the foreign keys also exist.
    let database = target(Before::Schema);
    let done = restore(&database, &["-a", "--log-format", "json"]).expect_code(0);
    assert!(done.stderr().contains("\"jobs\":1"), "{done}");
    let (expected, actual) = (target(Before::Nothing), target(Before::Nothing));
    assert!(expected.pg_restore(archive(), &["-j3"]).success());
    restore(&actual, &["-j3"]).expect_code(0);
    assert_same_database(&actual, &expected);
}

/// The option changes how owners are set, not which: a role that may not become another sees it.
#[test]
fn owners_can_be_set_by_session_authorization() {
    let (expected, actual) = (target(Before::Nothing), target(Before::Nothing));
    let option = "--use-set-session-authorization";
    // The new owner may not create a table before the privileges are restored.
    assert!(!expected.pg_restore(archive(), &[option]).success());
    restore(&actual, &[option]).expect_code(1);
    assert_same_database(&actual, &expected);

    let refusals = |options: &[&str]| {
        let database = target(Before::Schemas);
        let tool = restore_as("options_plain", &database, archive());
        let done = tool.args(["-n", "two", "-t", "owned"]).args(options).run();
        done.stderr().matches("permission denied to set session authorization").count()
    };
    assert_eq!(refusals(&[]), 0);
    assert!(refusals(&[option]) > 0);
}

#[test]
fn triggers_are_disabled_as_the_named_superuser() {
    let database = target(Before::Schema);
    let done = restore(&database, &["-a", "--disable-triggers", "-S", "nobody_there"]);
    assert!(done.stderr().contains("nobody_there"), "{done}");
    done.expect_code(1);
}

#[test]
fn row_security_stays_on_when_requested() {
    let server = server();
    let source = server.fresh_db("options_rows");
    source.execute(
        "CREATE TABLE public.forced (id integer); INSERT INTO public.forced VALUES (1), (2); \
         ALTER TABLE public.forced OWNER TO options_plain; \
         ALTER TABLE public.forced ENABLE ROW LEVEL SECURITY; \
         ALTER TABLE public.forced FORCE ROW LEVEL SECURITY; \
         CREATE POLICY all_of_it ON public.forced USING (true)",
    );
    let path = scratch("rows.dump");
    // Only INSERT works with row security.
    super::probe::dump(&source, &path, &["--inserts"]);
    let rows = |options: &[&str]| {
        let target = server.fresh_db("options_rows");
        assert!(target.pg_restore(&path, &["-s"]).success());
        let code = restore_as("options_plain", &target, &path).arg("-a").args(options).run().code();
        (code, target.query("SELECT count(*) FROM public.forced"))
    };
    assert_eq!(rows(&[]), (1, "0".to_owned()));
    assert_eq!(rows(&["--enable-row-security"]), (0, "2".to_owned()));
}

#[test]
fn create_makes_the_database_with_its_properties() {
    let server = server();
    let name = "options_created";
    let source = server.fresh_db("options_unused");
    drop(source);
    server.tool("createdb").args(["-T", "template0", "-E", "UTF8", name]).succeed();
    let created = server.adopt_db(name);
    created.execute(&format!(
        "CREATE TABLE t (a integer); INSERT INTO t VALUES (1); \
         COMMENT ON DATABASE {name} IS 'a database'; ALTER DATABASE {name} SET work_mem = '3MB'; \
         ALTER DATABASE {name} CONNECTION LIMIT 7; ALTER DATABASE {name} OWNER TO options_owner; \
         GRANT CONNECT ON DATABASE {name} TO options_plain"
    ));
    let path = scratch("created.dump");
    super::probe::dump(&created, &path, &[]);
    let state = || dump_with(&created, &["--create"]);
    let before = state();
    let drop_it = || drop(server.tool("dropdb").args(["--force", name]).succeed());
    let run = |options: &[&str]| {
        let tool = nocturne().args(["restore", "-d", &server.url("postgres")]);
        tool.args(options).arg(&path).run()
    };

    drop_it();
    run(&["-C"]).expect_code(0);
    assert_eq!(state(), before);
    // It already exists: an error, and its contents stay.
    created.execute("INSERT INTO t VALUES (2)");
    run(&["-C"]).expect_code(1);
    assert_eq!(created.query("SELECT count(*) FROM t WHERE a = 2"), "1");
    for options in [&["-C", "-c"][..], &["--create", "--clean", "--if-exists"]] {
        created.execute("CREATE TABLE left_over (a integer)");
        run(options).expect_code(0);
        assert_eq!(state(), before);
    }
    // It does not exist: only --if-exists avoids the error.
    drop_it();
    run(&["-C", "-c"]).expect_code(1);
    drop_it();
    run(&["-C", "-c", "--if-exists"]).expect_code(0);
    assert_eq!(state(), before);
}

#[test]
fn format_is_checked_when_given() {
    for (format, code) in [("c", 0), ("custom", 0), ("", 0), ("d", 3), ("t", 3), ("p", 2), ("x", 2)]
    {
        let database = target(Before::Schemas);
        let done = restore(&database, &["-F", format, "-s", "-n", "one"]);
        done.expect_code(code);
    }
    for (kind, letter) in [("directory", "d"), ("tar", "t")] {
        let format = format!("-{kind}-");
        let chosen =
            fixtures_where(|fixture| !fixture.is_wrapped() && fixture.name.contains(&format));
        let Some(fixture) = chosen.last() else { continue };
        let script = |letter: &str| {
            let tool = nocturne().args(["restore", "-s", "-f", "-", "-F", letter]);
            tool.arg(&fixture.path).run().code()
        };
        assert_eq!((script(letter), script("c")), (0, 3), "{}", fixture.name);
    }
}

#[test]
fn legacy_reconnection_option_is_accepted() {
    let database = target(Before::Schemas);
    restore(&database, &["-R", "--no-reconnect", "-n", "one"]).expect_code(0);
    assert_eq!(database.query("SELECT count(*) FROM one.counted"), "20");
}

/// Versions without their own probe get at least the options once, over everything.
#[test]
fn every_object_type_is_cleaned_like_pg_restore() {
    for fixture in fixtures_where(|fixture| {
        fixture.name.starts_with("every-") && fixture.name.ends_with("-custom-gzip.dump")
    }) {
        if ![15, versions::newest()].contains(&fixture.major) {
            continue;
        }
        let cluster = cluster(fixture.major);
        let (expected, actual) = (cluster.fresh_db("expected"), cluster.fresh_db("actual"));
        for options in [&["-O"][..], &["-c", "--if-exists"]] {
            let theirs = expected.pg_restore(&fixture.path, options);
            let tool = nocturne().args(["restore", "-d", &actual.url()]).args(options);
            let ours = tool.arg(&fixture.path).run();
            assert_eq!(ours.success(), theirs.success(), "{ours}\n{theirs}");
            assert_same_database(&actual, &expected);
        }
    }
}
