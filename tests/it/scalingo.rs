//! The deployment guide, as far as it can be tested without the host: its buildpack,
//! the Procfile, the commands, the variables.

use std::fs;
use std::path::Path;

use crate::common::cluster::repository;
use crate::common::{Tool, nocturne};

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// A script of the buildpack.
fn script(name: &str) -> Tool {
    Tool::new(repository().join("docs/buildpack/bin").join(name))
}

/// Commands of the Procfile, by process.
fn processes() -> Vec<(String, String)> {
    let procfile = read("Procfile");
    let process = |line: &str| {
        let (name, command) = line.split_once(": ").unwrap();
        (name.to_owned(), command.to_owned())
    };
    procfile.lines().filter(|line| !line.is_empty()).map(process).collect()
}

/// A program that is quick to build, in place of nocturne.
fn stand_in(folder: &Path) {
    let manifest = "[package]\nname = \"nocturne\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let lock = "version = 4\n\n[[package]]\nname = \"nocturne\"\nversion = \"0.1.0\"\n";
    fs::write(folder.join("Cargo.lock"), lock).unwrap();
    fs::create_dir_all(folder.join("src")).unwrap();
    let main = "fn main() { println!(\"{:?}\", std::env::args().skip(1).collect::<Vec<_>>()) }\n";
    fs::write(folder.join("src/main.rs"), main).unwrap();
}

#[test]
fn buildpack_installs_program_where_procfile_runs_it() {
    let (build, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    stand_in(build.path());
    fs::create_dir(build.path().join("fixtures")).unwrap();
    let detected = script("detect").arg(build.path()).succeed();
    assert_eq!(detected.stdout(), "nocturne\n");
    script("detect").arg(cache.path()).run().expect_code(1);
    // Twice, as after a change: the second build reuses the first one's output.
    for _ in 0..2 {
        let tool = script("compile").arg(build.path()).arg(cache.path()).arg(cache.path());
        tool.succeed();
    }
    assert!(!build.path().join("fixtures").exists());
    assert_eq!(script("release").arg(build.path()).succeed().stdout(), "--- {}\n");
    for (name, command) in processes() {
        let ran = Tool::new("sh").args(["-c", &command]).current_dir(build.path()).succeed();
        let word = if name == "web" { "web" } else { "worker" };
        assert_eq!(ran.stdout(), format!("[\"{word}\"]\n"), "{name}: {command}");
    }
}

#[test]
fn procfile_passes_signals_to_the_program() {
    let names: Vec<String> = processes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["web", "background"]);
    for (_, command) in processes() {
        let arguments = command.strip_prefix("exec ./bin/nocturne ").unwrap();
        nocturne().args(arguments.split(' ')).arg("--help").succeed();
    }
}

#[test]
fn commands_in_the_guide_are_valid() {
    let guide = read("docs/scalingo.md");
    let mut tried = 0;
    let commands = guide.split(['`', '\n']).filter_map(|part| {
        let typed = part.strip_prefix("$ ").unwrap_or(part);
        let after = typed.split_once("bin/nocturne ").map(|(_, after)| after);
        after.or_else(|| typed.strip_prefix("nocturne "))
    });
    for arguments in commands {
        // The help is printed if everything before it is accepted.
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        nocturne().args(&arguments).arg("--help").succeed();
        tried += 1;
    }
    assert!(tried > 10, "{tried} commands found");
}

#[test]
fn variables_in_the_guide_exist() {
    let (guide, table) = (read("docs/scalingo.md"), read("docs/variables.md"));
    let mut tried = 0;
    let words = guide.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_variable = |word: &&str| word.contains('_') && **word == word.to_ascii_uppercase();
    for name in words.filter(is_variable) {
        // The host's own.
        if name == "BUILDPACK_URL" {
            continue;
        }
        assert!(table.contains(&format!("| `{name}` |")), "{name}");
        tried += 1;
    }
    assert!(tried > 10, "{tried} variables found");
}
