//! What reaches a terminal: names that would move its cursor, the password prompt.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use super::connection::on_terminal;
use super::probe::{Before, archive, dump, scratch, server, target};
use crate::common::waiting::PATIENCE;
use crate::common::{Finished, Secrets, Tool, bare_nocturne, nocturne};

/// `nocturne` with these arguments, as a shell command.
fn command(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("exec '{}' {}", env!("CARGO_BIN_EXE_nocturne"), words.join(" "))
}

/// How a password prompt is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    ControlC,
    Signal(&'static str),
}

/// Runs `nocturne` on its own terminal, and ends it once it prompts for a password. The output ends
/// with the state of the terminal.
fn ended_at_the_prompt(words: &[&str], end: End) -> Finished {
    let line = command(words);
    // Ctrl-C also reaches the shell.
    let line =
        format!("trap : INT; (sh -c 'echo pid=$PPID='; {line}); code=$?; stty -a; exit $code");
    let mut command = Command::new("timeout");
    command.arg(PATIENCE.as_secs().to_string());
    command.args(["script", "--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
    command.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped());
    let secrets = Secrets::of(&command);
    let mut child = command.spawn().expect("script, of util-linux");
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (asks, asked) = mpsc::channel();
    let mut asks = Some(asks);
    // Its input stays open: nothing else ends the prompt.
    let ending = thread::spawn(move || {
        let pid: Option<String> = asked.recv().ok();
        match (end, pid) {
            (End::ControlC, Some(_)) => {
                stdin.write_all(b"\x03").and_then(|()| stdin.flush()).unwrap();
            }
            (End::Signal(name), Some(pid)) => {
                Tool::new("kill").args(["-s", name, &pid]).succeed();
            }
            (_, None) => {}
        }
        stdin
    });
    let (mut seen, mut bytes) = (Vec::new(), [0; 4096]);
    while let read @ 1.. = stdout.read(&mut bytes).unwrap() {
        seen.extend_from_slice(&bytes[..read]);
        let text = String::from_utf8_lossy(&seen);
        if let Some(asks) = asks.take_if(|_| text.contains("Password for ")) {
            let pid = text.split('=').nth(1).unwrap_or_default();
            asks.send(pid.to_owned()).unwrap();
        }
    }
    drop(asks);
    let output = Output { stdout: seen, ..child.wait_with_output().unwrap() };
    drop(ending.join().unwrap());
    Finished::new(&line, &secrets, output)
}

/// No line is forged, and no control character is output.
fn assert_harmless(said: &str) {
    for line in said.lines() {
        assert!(!line.starts_with("forged"), "{said:?}");
        let acts = |c: char| {
            c.is_control() && c != '\t' && c != '\r' || matches!(c, '\u{2028}' | '\u{202e}')
        };
        assert!(!line.contains(acts), "{said:?}");
    }
}

/// A tar that ends inside a member with such a name.
fn hostile_tar() -> PathBuf {
    let mut header = tar::Header::new_gnu();
    let mut tar = tar::Builder::new(Vec::new());
    header.set_size(100_000);
    tar.append_data(&mut header, "a\u{1b}[2J\nforged: all is well\u{9b}1A", &[0u8; 100_000][..])
        .unwrap();
    let path = scratch("hostile.tar");
    fs::write(&path, &tar.into_inner().unwrap()[..2048]).unwrap();
    path
}

#[test]
fn hostile_names_reach_no_terminal() {
    let tar = hostile_tar();
    let tar = tar.to_str().unwrap();
    let target = target(Before::Nothing);
    let url = target.url();
    let tools = [
        nocturne().args(["list", tar]),
        nocturne().args(["plan", tar]),
        nocturne().args(["verify", tar]),
        nocturne().args(["verify", "-d", &url, tar]),
        nocturne().args(["restore", "-d", &url, tar]),
        nocturne().args(["restore", "-d", &url, "--log-format", "json", tar]),
        nocturne().args(["restore", "-f", "-", tar]),
        bare_nocturne().args(["run", "--from", tar, "--any-day", "-d", &url]),
    ];
    for tool in tools {
        let said = tool.env("MAX_RETRY_COUNT", "0").run();
        assert_harmless(&said.stderr());
        assert!(said.stderr().contains("u{1b}[2J") || said.stderr().contains("u001b"), "{said}");
        assert_ne!(said.code(), 0, "{said}");
    }
    // Server messages written by an archive's functions.
    let source = server().fresh_db("hostile");
    source.execute(
        "CREATE FUNCTION \"f\u{1b}[2J\nforged\"() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ \
             BEGIN RAISE EXCEPTION E'x\\x1b[2J\\nforged: all is well'; END $$; \
         CREATE TABLE \"t\u{1b}[2J\nforged\" (a int CHECK (a IS NULL OR \"f\u{1b}[2J\nforged\"())); \
         CREATE VIEW \"v\u{1b}[2J\nforged\" AS SELECT 1 AS one; \
         CREATE TABLE \"u\u{7f}\u{9b}2J\u{2028}forged\u{202e}\" (a int);",
    );
    let path = scratch("hostile.dump");
    dump(&source, &path, &[]);
    let path = path.to_str().unwrap();
    for words in [&["list", path][..], &["plan", path], &["list", "--format", "json", path]] {
        let said = on_terminal(&command(words), "");
        assert!(said.success() && said.stdout().contains("[2J"), "{said}");
        assert_harmless(&said.stdout());
    }
    // JSON on a terminal contains the same as elsewhere.
    for words in [
        &["list", "--format", "json", path][..],
        &["plan", "--format", "json", path],
        &["verify", "--format", "json", "-q", path],
    ] {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let said = on_terminal(&command(words), "");
        assert_harmless(&said.stdout());
        let piped = nocturne().args(words).run();
        assert_eq!(json(&said.stdout())["entries"], json(&piped.stdout())["entries"], "{words:?}");
    }
    // The plan of a night, wherever it is written.
    let folder = tempfile::tempdir().unwrap();
    let night = bare_nocturne().args(["run", "--dry-run", "--any-day", "--from", path, "-d"]);
    let night = night.arg(source.url()).env("BACKUP_MODE", "{}").current_dir(folder.path());
    let planned = night.run();
    assert_harmless(&planned.stdout());
    assert!(planned.stdout().contains("u{1b}[2J"), "{planned}");
    // Other readers of the list get pg_restore's.
    let theirs = server().tool("pg_restore").args(["-l", path]).succeed();
    assert_eq!(nocturne().args(["list", path]).succeed().stdout_bytes(), theirs.stdout_bytes());
    // The oracle contains none of these characters.
    let said = nocturne().args(["verify", "-d", &url, path]).run().expect_code(1);
    assert_harmless(&(said.stdout() + &said.stderr()));
    // A script of planned drops runs nothing else.
    let said = bare_nocturne().args(["drop-objects", "--dry-run", "-d", &source.url()]);
    let said = said.args(["--keep", "t*"]).succeed().stdout();
    for line in said.lines().filter(|line| line.contains("kept")) {
        assert!(line.starts_with("-- "), "{said}");
    }
}

#[test]
fn signal_at_password_prompt_exits_and_restores_echo() {
    let target = target(Before::Nothing);
    let (url, path) = (target.url(), archive());
    let path = path.to_str().unwrap();
    for command in ["restore", "verify"] {
        for end in [End::ControlC, End::Signal("TERM"), End::Signal("HUP"), End::Signal("INT")] {
            let said = ended_at_the_prompt(&[command, "-W", "-d", &url, path], end);
            let text = said.stdout();
            assert!(text.contains("nocturne: interrupted"), "{said}");
            assert!(!text.contains("skipped") && !text.contains("hint:"), "{said}");
            let modes: Vec<&str> = text.split_whitespace().collect();
            for mode in ["echo", "icanon", "isig"] {
                assert!(modes.contains(&mode), "{mode}: {said}");
            }
            said.expect_code(130);
        }
    }
}
