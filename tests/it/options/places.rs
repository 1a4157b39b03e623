//! Targets that are not a running server: none at all, or the restore's own.

use std::fs;

use nocturne::embedded::{Embedded, EmbeddedOptions};

use super::probe::{archive, scratch};
use crate::common::{Tool, bare_nocturne, nocturne, versions};

#[test]
fn missing_target_error_suggests_the_next_step() {
    let refused = bare_nocturne().arg("restore").arg(archive()).run().expect_code(2);
    for way in ["-d", "-f", "--embedded"] {
        assert!(refused.stderr().contains(way), "{refused}");
    }
}

fn embedded(options: &[&str]) -> Tool {
    let bin = versions::installation(versions::newest()).program("postgres");
    let tool = nocturne().args(["restore", "--embedded"]).args(options).arg(archive());
    tool.env("PG_BIN", bin.parent().unwrap())
}

#[test]
fn embedded_server_is_gone_at_exit() {
    let query = "SELECT count(*), min(id) FROM one.counted";
    let options = ["--exit", "--no-tablespaces", "--progress", "log", "--query", query];
    let done = embedded(&options).succeed();
    assert_eq!(done.stdout(), "20\t1\n");
    let told = done.stderr();
    let socket = told.split("host=").nth(1).and_then(|rest| rest.split('&').next());
    let socket = socket.unwrap_or_else(|| panic!("{told}"));
    assert!(!std::path::Path::new(socket).exists(), "{told}");
}

#[test]
fn embedded_server_stays_until_interrupted() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let mut command = embedded(&["--no-tablespaces"]).into_command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let psql = lines.find(|line| line.trim_start().starts_with("psql ")).unwrap();
    let url = psql.split('\'').nth(1).unwrap().to_owned();
    let query = Tool::new(versions::installation(versions::newest()).program("psql"));
    let answer = query.args(["-XAt", "-d", &url, "-c", "SELECT count(*) FROM one.counted"]).run();
    assert_eq!(answer.stdout(), "20\n", "{answer}");
    assert!(child.try_wait().unwrap().is_none(), "the server ended by itself");
    Tool::new("kill").args(["-INT", &child.id().to_string()]).succeed();
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
}

#[test]
fn kept_data_can_be_served_again() {
    let folder = scratch("kept");
    let _ = fs::remove_dir_all(&folder);
    let path = folder.to_str().unwrap();
    let kept = embedded(&["--exit", "--no-tablespaces", "--keep", path, "--log-format", "json"]);
    // The lines about the server are log lines too.
    for line in kept.succeed().stderr().lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    let options = EmbeddedOptions {
        installation: Some(versions::installation(versions::newest())),
        data_dir: Some(folder.clone()),
        ..EmbeddedOptions::default()
    };
    let server = Embedded::start(&options).unwrap();
    let list = Tool::new(server.bin_dir().join("psql"));
    let names = list.args(["-XAt", "-d", &server.url("postgres"), "-c"]);
    let names = names.arg("SELECT datname FROM pg_database WHERE datname ~ 'options'").succeed();
    let name = names.stdout().trim().to_owned();
    let rows = Tool::new(server.bin_dir().join("psql")).args(["-XAt", "-d", &server.url(&name)]);
    assert_eq!(rows.args(["-c", "SELECT count(*) FROM one.counted"]).succeed().stdout(), "20\n");
}

#[test]
fn embedded_server_options_require_embedded() {
    for options in [&["--keep", "x"][..], &["--exit"], &["--query", "SELECT 1"]] {
        nocturne().args(["restore", "-d", "x"]).args(options).arg(archive()).run().expect_code(2);
    }
    for options in
        [&["-d", "x"][..], &["-f", "x"], &["-h", "x"], &["-p", "1"], &["-U", "x"], &["-W"]]
    {
        let tool = nocturne().args(["restore", "--embedded"]).args(options).arg(archive());
        tool.run().expect_code(2);
    }
}
