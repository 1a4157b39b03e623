//! `nocturne restore -f FILE` writes the script that `pg_restore -f FILE` writes, byte for byte.
//!
//! The only intended differences: a script for servers before 17 also sets `transaction_timeout`,
//! and the owners of sequences and views are set as since PostgreSQL 16. The key of \restrict is
//! random and given to both here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::script::{assert_same, comparable};
use crate::common::{
    Finished, Fixture, assert_same_database, cluster, fixtures, fixtures_where, nocturne,
};

const KEY: [&str; 2] = ["--restrict-key", "Key1"];

fn script(archive: &Path, options: &[&str]) -> Finished {
    nocturne().args(["restore", "-f", "-"]).args(KEY).args(options).arg(archive).succeed()
}

fn script_of_pg_restore(fixture: &Fixture, archive: &Path, options: &[&str]) -> Finished {
    fixture.pg_restore().args(["-f", "-"]).args(KEY).args(options).arg(archive).succeed()
}

/// Compares; returns our script.
#[track_caller]
fn compare(fixture: &Fixture, for_pg_restore: &Path, options: &[&str]) -> Vec<u8> {
    let ours = script(&fixture.path, options);
    let theirs = script_of_pg_restore(fixture, for_pg_restore, options);
    assert_same(
        &comparable(ours.stdout_bytes(), fixture.major),
        &comparable(theirs.stdout_bytes(), fixture.major),
        &format!("{} {options:?}", fixture.name),
    );
    ours.stdout_bytes().to_vec()
}

/// A tar inside gzip is read as a stream, and a script needs its data in the order of the table
/// of contents. These two have it in another order.
fn has_another_order(fixture: &Fixture) -> bool {
    [
        // Tar archives have the large objects at their end, each a member.
        "every-pg16-tar-none-wrapped.tar.gz",
        // tar has the members sorted by name.
        "warehouse-pg16-directory-gzip-wrapped.tar.gz",
    ]
    .contains(&fixture.name.as_str())
}

#[test]
fn every_fixtures_script_matches_its_own_pg_restore() {
    for fixture in fixtures().iter().filter(|fixture| !has_another_order(fixture)) {
        let folder = tempfile::tempdir().unwrap();
        let archive = fixture.for_pg_restore(folder.path());
        compare(fixture, &archive, &[]);
        compare(fixture, &archive, &["-v"]);
    }
}

#[test]
fn options_change_the_script_as_in_pg_restore() {
    let choices: &[&[&str]] = &[
        &["-a"],
        &["-a", "--disable-triggers"],
        &["-a", "--disable-triggers", "-S", "boss"],
        &["-s"],
        &["-c"],
        &["-c", "--if-exists"],
        &["-C"],
        &["-C", "-c", "--if-exists", "-v"],
        &["-O"],
        &["-x"],
        &["-1"],
        &["-1", "-c"],
        &["--use-set-session-authorization"],
        &["--enable-row-security"],
        &["--no-comments"],
        &["--no-publications"],
        &["--no-subscriptions"],
        &["--no-tablespaces"],
        &["--no-table-access-method"],
        &["--role", "some role"],
        &["--section=pre-data"],
        &["--section=data"],
        &["--section=post-data"],
        &["-n", "every", "-n", "public"],
        &["-N", "every", "-N", "public"],
        &["-t", "answers", "-t", "everything", "-t", "serials"],
    ];
    let since_17: &[&[&str]] = &[&["--transaction-size=3"], &["--transaction-size=2", "-c", "-v"]];
    let since_18: &[&[&str]] = &[
        &["--no-data"],
        &["--no-schema"],
        &["--no-policies"],
        &["--statistics-only"],
        &["--no-statistics"],
    ];
    let mut idle: Vec<&&[&str]> = Vec::new();
    let archives = [
        "every-pg15-custom-gzip.dump",
        "every-pg16-custom-gzip-inserts.dump",
        "every-pg17-directory-zstd",
        "every-pg18-custom-gzip.dump",
        "warehouse-pg18-custom-gzip-statistics.dump",
    ];
    let archives = fixtures_where(|fixture| archives.contains(&fixture.name.as_str()));
    let plain: Vec<Vec<u8>> =
        archives.iter().map(|fixture| compare(fixture, &fixture.path, &[])).collect();
    for options in choices.iter().chain(since_17).chain(since_18) {
        let since = match () {
            () if since_18.contains(options) => 18,
            () if since_17.contains(options) => 17,
            () => 15,
        };
        let (mut compared, mut effect) = (false, false);
        for (fixture, plain) in archives.iter().zip(&plain) {
            if fixture.major >= since {
                effect |= compare(fixture, &fixture.path, options) != *plain;
                compared = true;
            }
        }
        if compared && !effect {
            idle.push(options);
        }
    }
    // An option that changes nothing would test nothing; -e and the like are not among these.
    assert!(idle.is_empty(), "no effect in any fixture: {idle:?}");
}

#[test]
fn script_of_a_stream_equals_the_files() {
    for fixture in fixtures_where(|fixture| {
        [
            "warehouse-pg15-custom-gzip.dump",
            "warehouse-pg17-custom-zstd.dump",
            "warehouse-pg15-tar-none.tar",
        ]
        .contains(&fixture.name.as_str())
            || fixture.name.starts_with("every-") && fixture.name.ends_with("-custom-gzip.dump")
    }) {
        let whole = script(&fixture.path, &[]);
        let bytes = fs::read(&fixture.path).unwrap();
        let streamed = nocturne().args(["restore", "-f", "-"]).args(KEY).arg("-").input(bytes);
        let streamed = streamed.succeed();
        assert_same(streamed.stdout_bytes(), whole.stdout_bytes(), &fixture.name);
    }
}

#[test]
fn stream_in_another_order_is_refused_with_advice() {
    for fixture in fixtures_where(has_another_order) {
        let refused = nocturne().args(["restore", "-f", "-"]).arg(&fixture.path).run();
        assert!(refused.stderr().contains("unpack"), "{refused}");
        refused.expect_code(3);
        // What needs no ordered data is written all the same.
        script(&fixture.path, &["-s"]);
    }
}

#[test]
fn script_goes_to_the_named_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.sql");
    let fixture = &fixtures()[0];
    let written =
        nocturne().args(["restore", "-f"]).arg(&path).args(KEY).arg(&fixture.path).succeed();
    assert_eq!(written.stdout(), "");
    assert_same(&fs::read(&path).unwrap(), script(&fixture.path, &[]).stdout_bytes(), "-f FILE");
    // What cannot be written is reported.
    let nowhere = folder.path().join("missing/some.sql");
    let refused = nocturne().args(["restore", "-f"]).arg(nowhere).arg(&fixture.path).run();
    assert!(refused.stderr().contains("cannot write"), "{refused}");
    refused.expect_code(1);
}

#[test]
fn restrict_key_is_given_or_random() {
    let fixture = &fixtures()[0];
    let keys = |options: &[&str]| -> Vec<String> {
        let tool = nocturne().args(["restore", "-s", "-f", "-"]).args(options).arg(&fixture.path);
        let script = tool.succeed().stdout();
        // Those in the middle are in a function's body.
        let starts = ["\\restrict ", "\\unrestrict "];
        let key = |line: &str| {
            starts.iter().find_map(|start| line.strip_prefix(start)).map(str::to_owned)
        };
        let keys: Vec<String> = script.lines().filter_map(key).collect();
        vec![keys.first().unwrap().clone(), keys.last().unwrap().clone()]
    };
    assert_eq!(keys(&KEY), ["Key1", "Key1"]);
    let (once, again) = (keys(&[]), keys(&[]));
    assert_eq!((once.len(), once[0] == once[1]), (2, true));
    assert_ne!(once, again);
    assert!(once[0].len() >= 32 && once[0].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let wrong = nocturne()
        .args(["restore", "-f", "-", "--restrict-key", "a b"])
        .arg(&fixture.path)
        .run()
        .expect_code(2);
    assert_eq!(wrong.stdout(), "");
}

#[test]
fn closed_reader_ends_the_script_quietly() {
    let fixture = &fixtures_where(|fixture| fixture.name.starts_with("warehouse-"))[0];
    let program = nocturne().args(["restore", "-f", "-"]).arg(&fixture.path);
    let mut program = program.into_command();
    program.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = program.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.code().is_some_and(|code| code <= 1), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// psql runs our script, pg_restore restores the archive: the databases are the same.
fn loaded(fixture: &Fixture) {
    let cluster = cluster(fixture.major);
    let (expected, actual) = (cluster.fresh_db("expected"), cluster.fresh_db("actual"));
    let theirs = expected.pg_restore(&fixture.path, &[]);
    assert!(theirs.success() || fixture.name.starts_with("every-"), "{theirs}");
    let path: PathBuf = tempfile::NamedTempFile::new().unwrap().into_temp_path().to_path_buf();
    nocturne().args(["restore", "-f"]).arg(&path).arg(&fixture.path).succeed();
    // Like pg_restore, psql continues after an error.
    let psql = cluster.tool("psql").args(["--no-psqlrc", "--quiet", "--dbname", &actual.name]);
    psql.arg("--file").arg(&path).succeed();
    fs::remove_file(&path).unwrap();
    assert_same_database(&actual, &expected);
}

#[test]
fn script_run_by_psql_makes_the_same_database() {
    for fixture in fixtures_where(|fixture| {
        [
            "every-pg15-custom-gzip.dump",
            "every-pg16-custom-gzip-inserts.dump",
            "every-pg18-custom-gzip-rows-per-insert.dump",
            "warehouse-pg17-custom-zstd.dump",
            "latin1-pg16-tar-none.tar",
            "latin1-pg18-directory-gzip",
            "partitions-pg17-directory-zstd-root",
        ]
        .contains(&fixture.name.as_str())
    }) {
        loaded(&fixture);
    }
}

/// Every way to truncate a table's data that no framing reveals. `None` removes the file.
#[test]
fn cut_data_fails_in_nocturne_and_psql() {
    let cluster = cluster(crate::common::versions::newest());
    let source = "CREATE TABLE a (id int, word text); \
                  INSERT INTO a SELECT n, 'word ' || n FROM generate_series(1, 50) n; \
                  CREATE TABLE b (id int); INSERT INTO b VALUES (1), (2), (3);";
    for kind in [&[][..], &["--inserts"]] {
        let args = [&["--format=directory", "--compress=0"][..], kind].concat();
        let archive = crate::common::Archive::with(cluster, source, &args);
        let data = largest_data_file(&archive.path());
        let whole = fs::read(&data).unwrap();
        // Emptied; in a row; after a row; without the end.
        for cut in [0, whole.len() / 2, line_end(&whole), whole.len() - 1] {
            fs::write(&data, &whole[..cut]).unwrap();
            let ours = nocturne().args(["restore", "-f", "-"]).arg(archive.path()).run();
            let script = ours.expect_code(3).stdout();
            let target = cluster.fresh_db("cut");
            let psql = target.psql().args(["-v", "ON_ERROR_STOP=0"]).input(script.clone()).run();
            assert!(!psql.success(), "psql accepts {kind:?} cut at {cut}: {script}");
            if kind.is_empty() {
                assert_eq!(target.query("SELECT count(*) FROM a").trim(), "0", "{cut}: {script}");
            }
        }
    }
}

fn largest_data_file(archive: &Path) -> PathBuf {
    let files = fs::read_dir(archive).unwrap().map(|file| file.unwrap().path());
    let data = files.filter(|path| path.extension().is_some_and(|end| end == "dat"));
    data.filter(|path| !path.ends_with("toc.dat"))
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap()
}

/// The offset after the first line end past the middle.
fn line_end(data: &[u8]) -> usize {
    let half = data.len() / 2;
    half + data[half..].iter().position(|byte| *byte == b'\n').unwrap() + 1
}

/// Ways to damage a directory archive, by a shell that runs in it.
const DAMAGES: &[(&str, &str)] = &[
    ("list emptied", "truncate -s 0 blobs_*.toc"),
    ("list without its last line", "sed -i '$d' blobs_*.toc"),
    ("list cut in a line", "truncate -s -3 blobs_*.toc"),
    ("list with a line twice", "sed -i '1p' blobs_*.toc"),
    ("list with another object", "sed -i '1s/^[0-9]*/999999/' blobs_*.toc"),
    ("list missing", "rm blobs_*.toc"),
    ("object missing", "rm blob_*"),
    ("compressed object emptied", "truncate -s 0 $(ls blob_*.gz)"),
    ("data missing", "rm [0-9]*.dat*"),
    ("data emptied", "truncate -s 0 $(ls [0-9]*.dat*)"),
    ("bytes behind the data", "echo more >> $(ls [0-9]*.dat*)"),
    ("NUL in the rows", "printf '1\\t\\000\\n\\\\.\\n\\n\\n' > $(ls [0-9]*.dat)"),
];

#[test]
fn damage_found_by_verify_fails_script_and_restore() {
    let cluster = cluster(crate::common::versions::newest());
    let source = cluster.fresh_db("objects");
    source.execute(
        "CREATE TABLE t (id int, word text); INSERT INTO t VALUES (1, 'one'); \
         SELECT lo_from_bytea(0, 'some bytes');",
    );
    let psql = cluster.fresh_db("psql");
    let mut tried = Vec::new();
    for compress in ["0", "gzip"] {
        let options = ["--format=directory", "--compress", compress];
        let whole = crate::common::Archive::dump(&source, &options);
        nocturne().arg("verify").arg(whole.path()).succeed();
        let is_of = |name: &str| compress == "0" || name.contains("emptied");
        for (name, damage) in DAMAGES.iter().filter(|(name, _)| is_of(name)) {
            let archive = tempfile::tempdir().unwrap();
            let script = format!("cp {}/* . && {damage}", whole.path().display());
            let damaged =
                crate::common::Tool::new("sh").args(["-c", &script]).current_dir(archive.path());
            if !damaged.run().success() {
                // There is no file with this compression.
                continue;
            }
            tried.push(name);
            let path = archive.path();
            let verified = nocturne().arg("verify").arg(path).run();
            assert_eq!(verified.code(), 3, "{name}: {verified}");
            let ours = nocturne().args(["restore", "-f", "-"]).arg(path).run();
            assert_eq!(ours.code(), 3, "{name}: {ours}");
            let run =
                psql.psql().args(["-v", "ON_ERROR_STOP=0"]).input(ours.stdout_bytes().to_vec());
            assert!(!run.run().success(), "psql accepts {name}: {}", ours.stdout());
            let target = cluster.fresh_db("damaged");
            let restored = nocturne().args(["restore", "-d", &target.url()]).arg(path).run();
            assert!([1, 3].contains(&restored.code()), "{name}: {restored}");
        }
    }
    assert!(DAMAGES.iter().all(|(name, _)| tried.contains(&name)), "{tried:?}");
    // INSERT statements may also contain such a byte.
    let archive =
        crate::common::Archive::dump(&source, &["--format=directory", "-Z0", "--inserts"]);
    let data = largest_data_file(&archive.path());
    let rows = fs::read(&data).unwrap();
    let rows = String::from_utf8(rows).unwrap().replace("one", "o\0e");
    fs::write(&data, rows).unwrap();
    for command in [&["verify"][..], &["restore", "-f", "-"]] {
        let refused = nocturne().args(command).arg(archive.path()).run().expect_code(3);
        let said = refused.stdout() + &refused.stderr();
        assert!(said.contains("TABLE DATA") && said.contains(" is NUL"), "{refused}");
    }
}
