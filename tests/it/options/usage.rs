//! Invalid command lines, which pg_restore refuses too; and completions.

use super::probe::{archive, server};
use crate::common::{nocturne, versions};

/// Both programs refuse the command line itself: exit code 2 here, 1 there.
const CONFLICTS: &[&[&str]] = &[
    &["-a", "-s"],
    &["-a", "-c"],
    &["--if-exists"],
    &["-1", "-j2"],
    &["-C", "-1"],
    &["-d", "x", "-f", "x"],
    &["-d", "x", "--restrict-key", "k"],
    &["--section", "middle"],
    &["-j", "0"],
    &["-j", "many"],
    &["-F", "p"],
    &["-F", "zip"],
    &["--no-such-option"],
    &["one-archive", "another"],
];

const SINCE_17: &[&[&str]] = &[
    &["-1", "--transaction-size", "5"],
    &["--transaction-size", "0"],
    &["--filter", "/nowhere/some.filter"],
];

const SINCE_18: &[&[&str]] = &[
    &["-s", "--statistics-only"],
    &["-a", "--statistics-only"],
    &["-a", "--no-data"],
    &["-s", "--no-schema"],
    &["--statistics-only", "--no-statistics"],
    &["--statistics", "--no-statistics"],
    &["-a", "--statistics"],
    &["-s", "--statistics"],
];

/// Only ours.
const OWN: &[&[&str]] = &[
    &["-q", "-v"],
    &["--tolerate", "everything"],
    &["--tolerate", "00000"],
    &["-1", "--tolerate", "already-exists"],
    &["--transaction-size", "5", "--tolerate", "already-exists"],
    &["--log-format", "xml"],
    &["--foreign-keys", "some"],
    &["--set", "work_mem"],
    &["--set", "work mem=1MB"],
    &["--set", "search_path=public"],
    &["--progress", "dots"],
];

#[test]
fn mutually_exclusive_options_are_refused_like_pg_restore() {
    let since = |major| versions::newest() >= major;
    let of = |major, lines: &'static [&'static [&'static str]]| {
        lines.iter().filter(move |_| since(major))
    };
    for options in CONFLICTS.iter().chain(of(17, SINCE_17)).chain(of(18, SINCE_18)) {
        let target: &[&str] = if options.contains(&"-d") { &[] } else { &["-f", "-"] };
        let theirs = server().tool("pg_restore").args(target).args(*options).arg(archive());
        theirs.run().expect_code(1);
    }
    for options in CONFLICTS.iter().chain(SINCE_17).chain(SINCE_18).chain(OWN) {
        let target: &[&str] = if options.contains(&"-d") { &[] } else { &["-d", "x"] };
        let tool = nocturne().arg("restore").args(target).args(*options).arg(archive());
        let ours = tool.run().expect_code(2);
        assert_eq!(ours.stdout(), "", "{options:?}");
        // The option is named, and there is no other error.
        let told = ours.stderr();
        let option = options.iter().find(|word| word.starts_with('-'));
        let named = option.is_none_or(|option| {
            told.contains(option.trim_start_matches('-')) || told.contains("--")
        });
        assert!(named, "{options:?}: {told}");
    }
}

#[test]
fn invalid_filter_is_reported_with_its_line() {
    let tool = nocturne().args(["restore", "-f", "-", "--filter", "-"]).arg(archive());
    let refused = tool.input("include schema one\ninclude nonsense x\n").run().expect_code(2);
    assert!(refused.stderr().contains('2') && refused.stderr().contains("nonsense"), "{refused}");
}

#[test]
fn every_shell_gets_a_completion_script_with_options() {
    let mut scripts = Vec::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = nocturne().args(["completions", shell]).succeed().stdout();
        assert!(script.contains("transaction-size") && script.contains("tolerate"), "{shell}");
        assert!(!scripts.contains(&script), "{shell} gets another shell's script");
        scripts.push(script);
    }
    let bash = crate::common::Tool::new("bash").arg("-n").input(scripts[0].clone()).run();
    assert!(bash.success(), "{bash}");
    nocturne().args(["completions", "nosh"]).run().expect_code(2);
}

/// bash's completions for the last word of a line, in a folder.
fn offered_by_bash(folder: &std::path::Path, line: &[&str]) -> Vec<String> {
    let script = folder.join("nocturne.bash");
    if !script.exists() {
        let text = nocturne().args(["completions", "bash"]).succeed().stdout();
        std::fs::write(&script, text).unwrap();
    }
    let ask = r#"source ./nocturne.bash
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        called=$(complete -p nocturne); called=${called#*-F }; called=${called%% *}
        "$called" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let bash = crate::common::Tool::new("bash").args(["-c", ask, "bash", "nocturne"]).args(line);
    let offered = bash.current_dir(folder).succeed().stdout();
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_archives_and_option_words() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["app 1.dump", "digests"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let offered = |line: &[&str]| offered_by_bash(folder.path(), line);
    for line in [
        &["restore", ""][..],
        &["restore", "app"],
        &["restore", "-O", ""],
        &["list", "a"],
        &["verify", "-v", "app"],
        &["plan", ""],
        &["report", "ap"],
    ] {
        assert!(offered(line).contains(&"app 1.dump".to_owned()), "{line:?}: {:?}", offered(line));
    }
    for (line, words) in [
        (&["restore", "--section", "d"][..], &["data"][..]),
        (&["restore", "--section", "="], &["pre-data", "data", "post-data"]),
        (&["restore", "--section", "=", "po"], &["post-data"]),
        (&["restore", "-F", ""], &["c", "d", "t"]),
        (&["restore", "-j", ""], &["auto"]),
        (&["restore", "--tolerate", "m"], &["missing-role"]),
        (&["run", "--region", ""], &["osc-fr1", "osc-secnum-fr1"]),
        (&["run", "--swap", "=", "t"], &["true"]),
        (&["restore", "--digests", "d"], &["digests"]),
        (&["restore", "--no-ow"], &["--no-owner"]),
        (&["re"], &["restore", "report"]),
    ] {
        assert_eq!(offered(line), words, "{line:?}");
    }
    assert!(offered(&["restore", "--schema", ""]).iter().all(|word| !word.contains("dump")));
}

#[test]
fn fish_script_has_no_pattern_outside_quotes() {
    let script = nocturne().args(["completions", "fish"]).succeed().stdout();
    let mut quote = None;
    for line in script.lines().filter(|line| !line.starts_with('#')) {
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match (quote, character) {
                (_, '\\') => drop(characters.next()),
                (None, '\'' | '"') => quote = Some(character),
                (Some(open), _) if open == character => quote = None,
                (None, '?' | '*') => panic!("fish reads it as a file name pattern: {line}"),
                _ => {}
            }
        }
    }
    assert_eq!(quote, None, "an unterminated quotation");
    // If fish is installed, it checks the script itself.
    if std::process::Command::new("fish").arg("--version").output().is_ok() {
        crate::common::Tool::new("fish").input(script).succeed();
    }
}

#[test]
fn invalid_command_line_names_its_commands_help() {
    let refused = nocturne().args(["restore", "--if-exists", "-d", "x"]).arg(archive()).run();
    assert!(refused.expect_code(2).stderr().contains("nocturne restore --help"));
    let short = nocturne().args(["list", "-h"]).succeed().stdout();
    assert!(short.contains("Usage: nocturne list"), "{short}");
}

#[test]
fn name_pg_restore_acts_as_restore() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("pg_restore");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_nocturne"), &link).unwrap();
    let called = |args: &[&str]| {
        crate::common::Tool::new(link.to_str().unwrap())
            .args(args)
            .arg(archive())
            .succeed()
            .stdout()
    };
    let ours = nocturne().arg("list").arg(archive()).succeed().stdout();
    assert_eq!(called(&["-l"]), ours);
    assert_eq!(called(&["--li"]), ours, "an abbreviated option");
}

#[test]
fn strict_names_without_match_is_exit_1() {
    let options = ["--strict-names", "-t", "not_there", "-f", "-"];
    server().tool("pg_restore").args(options).arg(archive()).run().expect_code(1);
    nocturne().arg("restore").args(options).arg(archive()).run().expect_code(1);
}

#[test]
fn help_names_every_option_of_pg_restore() {
    let theirs = server().tool("pg_restore").arg("--help").succeed().stdout();
    let ours = nocturne().args(["restore", "--help"]).succeed().stdout();
    let options =
        theirs.split([' ', '\n', '=', ',']).filter(|word| word.len() > 2 && word.starts_with("--"));
    let missing: Vec<_> = options.filter(|option| !ours.contains(option)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
