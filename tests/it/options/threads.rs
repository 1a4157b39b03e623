//! A system without spare threads: an error with its remedy before anything is changed, and never
//! a panic or an endless wait.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use super::probe::{Before, archive, target};

/// `timeout` is a process, too.
const LIMITS: [u32; 6] = [2, 3, 5, 9, 14, 40];

/// Runs nocturne with a limit on the threads and processes of its user; of a separate user, if
/// the test may choose.
fn limited(limit: u32, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["120", "prlimit", &format!("--nproc={limit}"), env!("CARGO_BIN_EXE_nocturne")]);
    command.args(args).env_clear().envs(variables.iter().copied());
    // The limit does not apply to root.
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(100_000 + std::process::id() % 100_000);
    }
    command.output().unwrap()
}

/// Whether it got its threads. Otherwise it has reported it. The server need not accept the
/// user: connecting comes later.
fn worked(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    if code == Some(1) {
        assert!(said.contains("threads") && said.contains("ulimit -u"), "{said}");
    }
    assert!(matches!(code, Some(0 | 1 | 4)), "{code:?}: {said}");
    code != Some(1)
}

#[test]
fn missing_threads_are_reported_before_anything_is_changed() {
    let archive = archive();
    let archive = archive.to_str().unwrap();
    let (mut worst, mut best) = (true, false);
    for limit in LIMITS {
        let database = target(Before::Nothing);
        let url = database.url();
        let restored = limited(limit, &["restore", "-j", "4", "-d", &url, archive], &[]);
        let tables = "SELECT count(*) > 0 FROM pg_tables WHERE schemaname = 'one'";
        let is_done = worked(&restored);
        assert!(is_done || database.query(tables) == "f", "{limit}");
        worst &= is_done;
        best |= is_done;
        worked(&limited(limit, &["verify", "-j", "4", archive], &[]));
        worked(&limited(limit, &["verify", "-j", "4", "-d", &url, archive], &[]));
    }
    assert!(best && !worst, "some limits are too low, and some are not");
}

#[test]
fn night_without_threads_drops_nothing() {
    let database = target(Before::Nothing);
    database.execute("CREATE TABLE yesterday (id int)");
    let (archive, url) = (archive(), database.url());
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("BACKUP_SOURCE", archive.to_str().unwrap()),
        ("BACKUP_ANY_DAY", "true"),
        ("MAX_RETRY_COUNT", "0"),
        ("PG_RESTORE_JOBS", "4"),
    ];
    for limit in [2, 3, 9, 14] {
        assert!(!worked(&limited(limit, &["run"], &variables)), "{limit}");
        assert_eq!(database.query("SELECT to_regclass('yesterday') IS NULL"), "f", "{limit}");
    }
}
