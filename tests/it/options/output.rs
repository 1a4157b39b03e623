//! What is printed: on standard error and in files.

use std::fs;

use serde_json::Value;

use super::probe::{Before, archive, restore, scratch, server, target};
use crate::common::{Finished, nocturne};

fn lines(done: &Finished) -> Vec<Value> {
    let lines = done.stderr();
    let parsed = lines.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {done}"))
}

#[test]
fn every_line_of_a_json_log_is_json() {
    // Success, a failure, and runs that cannot start; with and without the details.
    for (before, options, code) in [
        (Before::Nothing, &[][..], 0),
        (Before::Taken, &["-v"], 1),
        (Before::Taken, &["-vv", "-c"], 1),
        (Before::Nothing, &["--strict-names", "-n", "nowhere"], 1),
        (Before::Taken, &["-q"], 1),
        (Before::Nothing, &["--progress", "bars"], 0),
    ] {
        let database = target(before);
        let done = restore(&database, &[&["--log-format", "json"], options].concat());
        assert!(!lines(&done).is_empty(), "{options:?}: {done}");
        done.expect_code(code);
    }
    // No connection, an invalid command line, no database at all.
    for (options, code) in [
        (&["-d", "postgres://127.0.0.1:1/x"][..], 4),
        (&["-d", "x", "-a", "-s"], 2),
        (&["-f", "-", "-n", "nowhere"], 0),
    ] {
        let tool = nocturne().args(["restore", "--log-format", "json"]).args(options);
        let done = tool.arg(archive()).run();
        assert!(!lines(&done).is_empty());
        done.expect_code(code);
    }
}

#[test]
fn last_line_of_json_log_is_the_summary() {
    let database = target(Before::Nothing);
    let path = scratch("summary.json");
    let options = ["--log-format", "json", "--summary", path.to_str().unwrap()];
    let done = restore(&database, &options).expect_code(0);
    let lines = lines(&done);
    let last = lines.last().unwrap();
    let file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(file["total"]["rows"].as_u64().unwrap() >= 23, "{file}");
    assert_eq!(last["fields"]["summary"]["total"], file["total"], "{last}");
}

#[test]
fn summary_reports_failures() {
    let path = scratch("failures.json");
    let database = target(Before::Taken);
    restore(&database, &["--summary", path.to_str().unwrap()]).expect_code(1);
    let text = std::fs::read_to_string(&path).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert!(summary["total"]["failed"].as_u64().unwrap() > 0, "{summary}");
    assert!(text.contains("42P07"), "{text}");
}

#[test]
fn verbose_prints_more_and_quiet_prints_nothing() {
    let told = |options: &[&str]| {
        let database = target(Before::Nothing);
        restore(&database, options).expect_code(0).stderr()
    };
    let plain = told(&["--progress", "log"]);
    let (verbose, debug) = (told(&["-v"]), told(&["-vv"]));
    // The definition of a table takes no time and is not printed.
    let table = |text: &str| text.lines().any(|line| line.contains("TABLE one.counted "));
    assert!(!table(&plain) && table(&verbose), "{plain}\n{verbose}");
    assert!(debug.lines().count() > verbose.lines().count(), "{debug}");
    assert!(plain.contains("TABLE DATA one.counted"), "{plain}");
    // A subscription makes the server warn.
    assert_eq!(told(&["-q", "--no-subscriptions"]), "");
    // Problems are printed all the same.
    let database = target(Before::Taken);
    let done = restore(&database, &["--quiet"]).expect_code(1);
    assert!(done.stderr().contains("already exists"), "{done}");
}

#[test]
fn without_terminal_progress_is_logged_only_on_request() {
    let told = |options: &[&str]| {
        let database = target(Before::Nothing);
        restore(&database, options).expect_code(0).stderr()
    };
    let started = |text: &str| text.contains("TABLE DATA one.counted started");
    let lines: [&[&str]; 4] =
        [&["--progress", "bars"], &["--progress", "log"], &["-v"], &["--log-format", "json"]];
    for options in lines {
        assert!(started(&told(options)), "{options:?}");
    }
    let summary_alone: [&[&str]; 4] =
        [&[], &["--progress", "auto"], &["--progress", "none"], &["--progress", "none", "-v"]];
    for options in summary_alone {
        let text = told(options);
        assert!(!started(&text) && text.contains("entries done"), "{options:?}: {text}");
    }
}

#[test]
fn successful_restore_without_terminal_writes_its_summary_alone() {
    let path = archive().to_str().unwrap();
    // The subscription makes the server warn.
    let options = ["--no-subscriptions", path];
    let database = target(Before::Nothing);
    let theirs = database.pg_restore(archive(), &options[..1]);
    assert!(theirs.success() && theirs.stderr().is_empty(), "{theirs}");
    let from_file = || nocturne().arg("restore").args(options);
    let from_pipe = || nocturne().args(["restore", options[0]]).input(std::fs::read(path).unwrap());
    for tool in
        [from_file(), from_file().args(["-j", "4"]), from_pipe(), from_file().arg("--resume")]
    {
        let database = target(Before::Nothing);
        let done = tool.args(["-d", &database.url()]).succeed();
        let told = done.stderr();
        assert!(told.starts_with("restore of ") && !told.contains(" INFO "), "{done}");
        assert!(told.ends_with(" entries done\n"), "the verdict is the last line: {done}");
    }
    // A user who sets a filter for log lines asks for them.
    let database = target(Before::Nothing);
    let tool = from_file().args(["-d", &database.url()]).env("NOCTURNE_LOG", "nocturne=info");
    assert!(tool.succeed().stderr().contains(" INFO TABLE DATA one.counted started"));
}

#[test]
fn entry_of_two_steps_starts_once_and_continues() {
    let database = target(Before::Nothing);
    let archive = crate::common::cluster::repository().join("fixtures/warehouse-demo.tar.gz");
    let tool = nocturne().args(["restore", "-O", "-j", "2", "-d", &database.url()]);
    let done = tool.args(["--log-format", "json"]).arg(archive).succeed();
    let said = |word: &str| {
        let about = |line: &Value| {
            let ends = line["fields"]["message"].as_str()?.ends_with(word);
            ends.then(|| line["fields"]["dump_id"].as_i64()).flatten()
        };
        lines(&done).iter().filter_map(about).collect::<Vec<_>>()
    };
    let (started, continued) = (said(" started"), said(" continued"));
    let once: std::collections::HashSet<_> = started.iter().collect();
    assert_eq!(once.len(), started.len(), "{done}");
    // Keys and foreign keys.
    assert!(continued.len() > 20 && continued.iter().all(|id| once.contains(id)), "{done}");
}

#[test]
fn unwritable_output_file_fails_before_anything_is_restored() {
    for option in ["--summary", "--timeline"] {
        let database = target(Before::Nothing);
        let done = restore(&database, &[option, "/nowhere/at/all"]).expect_code(1);
        assert!(done.stderr().contains("cannot write /nowhere/at/all"), "{done}");
        let tables = database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'one'");
        assert_eq!(tables, "0", "{option}");
    }
}

#[test]
fn output_file_that_is_the_archive_is_refused() {
    let database = target(Before::Nothing);
    let (original, copy) = (fs::read(archive()).unwrap(), scratch("read-and-written.dump"));
    fs::write(&copy, &original).unwrap();
    let path = copy.to_str().unwrap();
    let url = database.url();
    for args in [
        &["verify", "--write-digests", path, path][..],
        &["restore", "-d", &url, "--summary", path, path],
        &["restore", "-d", &url, "--timeline", path, path],
        &["restore", "-f", path, path],
    ] {
        let done = nocturne().args(args).run().expect_code(2);
        let said = "is the archive itself: choose another output file";
        assert!(done.stderr().contains(said), "{done}");
        assert!(fs::read(&copy).unwrap() == original, "{args:?}");
    }
}

#[test]
fn bars_are_drawn_on_a_terminal() {
    // The probe is restored before the first frame; this takes a second.
    let archive = crate::common::cluster::repository().join("fixtures/warehouse-demo.tar.gz");
    let costs = scratch("bars.json");
    let _ = std::fs::remove_file(&costs);
    let shown = || {
        let database = target(Before::Nothing);
        let command = format!(
            "'{}' restore -O -d '{}' --cost-history '{}' '{}'",
            env!("CARGO_BIN_EXE_nocturne"),
            database.url(),
            costs.display(),
            archive.display()
        );
        super::connection::on_terminal(&command, "").stdout()
    };
    // Only bars move the cursor; the summary follows. The size of a stream
    // is unknown.
    let first = shown();
    assert!(first.contains('\u{1b}') && first.contains("entries done"), "{first}");
    assert!(!first.contains(" %"), "{first}");
    let second = shown();
    assert!(second.contains("expected to take ") && second.contains(" %"), "{second}");
    let verdict = second.lines().rfind(|line| !line.trim().is_empty());
    assert!(verdict.is_some_and(|line| line.contains("no errors: ")), "{second}");
}

#[test]
fn archive_time_is_shown_as_by_pg_restore() {
    for zone in ["UTC", "Europe/Paris", ":America/New_York", "Asia/Tokyo", ""] {
        let theirs = server().tool("pg_restore").arg("-l").arg(archive()).env("TZ", zone);
        let ours = nocturne().arg("list").arg(archive()).env("TZ", zone).succeed().stdout();
        let line = |text: &str| text.lines().nth(1).unwrap().to_owned();
        let theirs = line(&theirs.succeed().stdout());
        assert_eq!(line(&ours), theirs, "{zone}");
    }
}

#[test]
fn rewritten_archive_is_named_as_such() {
    let bytes = std::fs::read(archive()).unwrap();
    let crlf = bytes.iter().flat_map(|byte| match byte {
        b'\n' => vec![b'\r', b'\n'],
        other => vec![*other],
    });
    let crlf: Vec<u8> = crlf.collect();
    let text = String::from_utf8_lossy(&bytes).into_owned().into_bytes();
    for (bytes, expected) in [(crlf, "CR LF"), (text, "UTF-8 text")] {
        let path = scratch("rewritten.dump");
        std::fs::write(&path, &bytes).unwrap();
        let of_file = nocturne().arg("list").arg(&path).run();
        let of_pipe = nocturne().args(["list", "-"]).input(bytes).run();
        for said in [of_file, of_pipe] {
            assert!(said.stderr().contains(expected), "{said}");
            assert!(said.stderr().contains("copy the archive again, in binary mode"), "{said}");
            said.expect_code(3);
        }
    }
}
