//! `nocturne incremental`: its settings, exit codes, output and memory.

use std::process::{Command, Stdio};

use nocturne::replicate::lock::TargetLock;
use serde_json::Value;

use super::pair::{Pair, target};
use crate::common::{Tool, bare_nocturne};

const ROWS: &str = "INSERT INTO answers SELECT id FROM generate_series(1, 1000) id; \
                    INSERT INTO events SELECT id FROM generate_series(1, 7) id";

fn pair(name: &str) -> Pair {
    let pair = Pair::new(name);
    pair.both(
        "CREATE TABLE answers (id bigint PRIMARY KEY); \
         CREATE TABLE events (event_id int PRIMARY KEY)",
    );
    pair.source.execute(ROWS);
    pair
}

fn incremental(pair: &Pair) -> Tool {
    bare_nocturne()
        .arg("incremental")
        .env("SOURCE_DATABASE_URL", pair.source.url())
        .env("DATABASE_URL", pair.target.url())
}

fn counts(pair: &Pair) -> String {
    pair.target.query("SELECT (SELECT count(*) FROM answers), (SELECT count(*) FROM events)")
}

#[test]
fn environment_selects_the_tables_to_copy() {
    let pair = pair("environment");
    incremental(&pair).env("BACKUP_MODE", r#"{"ans*":"incremental","events":"none"}"#).succeed();
    assert_eq!(counts(&pair), "1000|0");
    incremental(&pair)
        .env("BACKUP_MODE", r#"{"events":"incremental"}"#)
        .env("INCREMENTAL_KEYS", r#"{"events":"event_id"}"#)
        .succeed();
    assert_eq!(counts(&pair), "1000|7");
}

#[test]
fn nothing_is_copied_during_a_whole_run() {
    let pair = pair("beside_a_night");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let copy = || incremental(&pair).args(["--table", "answers"]);
    let night = runtime.block_on(TargetLock::take(&target(&pair.target.url()))).unwrap();
    let refused = copy().run();
    assert_eq!(refused.code(), 1, "{refused}");
    assert!(refused.stderr().contains("another run is using this target"), "{refused}");
    assert_eq!(counts(&pair), "0|0");
    drop(night);
    pair.target.wait_until(
        "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'nocturne lock' \
         AND datname = current_database())",
    );
    // Several copies may run in parallel.
    let other = runtime.block_on(TargetLock::share(&target(&pair.target.url()))).unwrap();
    copy().succeed();
    assert_eq!(counts(&pair), "1000|0");
    drop(other);
}

#[test]
fn target_may_differ_from_the_warehouse() {
    let pair = pair("target_url");
    incremental(&pair)
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere")
        .env("TARGET_DATABASE_URL", pair.target.url())
        .args(["--table", "answers"])
        .succeed();
    assert_eq!(counts(&pair), "1000|0");
}

#[test]
fn options_override_the_environment() {
    let pair = pair("options");
    bare_nocturne()
        .args(["incremental", "--source", &pair.source.url(), "-d", &pair.target.url()])
        .args([
            "-t",
            "public.answers",
            "-t",
            "events:event_id",
            "--lag",
            "2",
            "--range-rows",
            "100",
        ])
        .env("INCREMENTAL_LAG", "5")
        .env("BACKUP_MODE", r#"{"other":"incremental"}"#)
        .succeed();
    assert_eq!(counts(&pair), "998|5");
}

#[test]
fn lines_have_the_fields_of_the_replaced_system() {
    let pair = pair("lines");
    let run = || {
        let finished = incremental(&pair).args(["-t", "answers", "--log-format", "json"]).succeed();
        let line =
            finished.stderr().lines().map(str::to_owned).find(|line| line.contains("table copied"));
        let line: Value = serde_json::from_str(&line.expect("a line for the table")).unwrap();
        line["fields"].clone()
    };
    let first = run();
    assert_eq!(
        (&first["schema_name"], &first["table_name"]),
        (&"public".into(), &"answers".into())
    );
    assert_eq!(first["last_record_index_before_replication"], Value::Null);
    assert_eq!(first["last_record_index_after_replication"], "1000");
    assert_eq!(first["total_records_replicated"], 1000);
    pair.source.execute("INSERT INTO answers VALUES (2000)");
    let second = run();
    assert_eq!(second["last_record_index_before_replication"], "1000");
    assert_eq!(second["last_record_index_after_replication"], "2000");
    assert_eq!(second["total_records_replicated"], 1);
}

#[test]
fn exit_codes_identify_the_failure() {
    let pair = pair("exit");
    // Nothing to do, and no connection to do it with.
    let finished = incremental(&pair).run().expect_code(2);
    assert!(finished.stderr().contains("no incremental tables"), "{finished}");
    let finished = bare_nocturne().arg("incremental").run().expect_code(2);
    for name in ["DATABASE_URL", "SOURCE_DATABASE_URL"] {
        assert!(finished.stderr().contains(&format!("{name} (--")), "{finished}");
    }
    let unreachable = "postgres://reader:word-1@127.0.0.1:1/app";
    let finished = incremental(&pair)
        .env("SOURCE_DATABASE_URL", unreachable)
        .env("BACKUP_MODE", r#"{"*":"incremental"}"#)
        .run()
        .expect_code(4);
    assert!(!finished.stderr().contains("word-1"), "{finished}");

    // One table of two.
    let finished = incremental(&pair).args(["-t", "answers", "-t", "gone"]).run().expect_code(1);
    assert!(finished.stderr().contains("table public.gone is not in the source"), "{finished}");
    assert!(finished.stderr().contains("1 of 2 tables not copied"), "{finished}");
    assert_eq!(counts(&pair), "1000|0");

    pair.target.execute("DELETE FROM answers WHERE id BETWEEN 5 AND 8");
    incremental(&pair).args(["-t", "answers"]).succeed();
    let finished = incremental(&pair).args(["-t", "answers", "--check-gaps"]).run().expect_code(1);
    assert!(finished.stderr().contains("4 rows of earlier runs are missing"), "{finished}");
    assert!(
        finished.stderr().contains("keys from 5 to 5: 1 row in the source, 0 in the target"),
        "{finished}"
    );
}

/// A hundred megabytes, of which the target accepts a few rows and then no more.
#[test]
fn slow_target_does_not_fill_memory() {
    let pair = pair("memory");
    pair.source.execute(
        "DROP TABLE answers; CREATE TABLE answers (id bigint PRIMARY KEY, value text); \
         INSERT INTO answers SELECT id, repeat('x', 400) FROM generate_series(1, 250000) id",
    );
    pair.target.execute("ALTER TABLE answers ADD COLUMN value text");
    let stall = pair.stall("answers", 10);
    let mut command: Command = incremental(&pair).args(["-t", "answers"]).into_command();
    let child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    pair.wait_for_stall();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{peak} kB");
    assert!(peak < 48 * 1024, "{peak} kB for 100 MB");
    drop(stall);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    pair.assert_same("answers", "*");
}

#[test]
fn key_that_may_not_grow_warns_once() {
    let pair = Pair::new("random_key");
    let create = |(name, key): (&str, &str)| format!("CREATE TABLE {name} (id {key} PRIMARY KEY);");
    let doubtful =
        [("by_uuid", "uuid"), ("by_text", "text"), ("by_bytes", "bytea"), ("by_bool", "bool")];
    let sound = [("by_number", "numeric(9,2)"), ("by_time", "timestamptz(3)"), ("by_day", "date")];
    pair.both(&doubtful.into_iter().chain(sound).map(create).collect::<String>());
    pair.source.execute("INSERT INTO by_uuid SELECT gen_random_uuid() FROM generate_series(1, 9)");
    let tables = |tool: Tool| {
        let names = doubtful.into_iter().chain(sound).map(|(name, _)| name);
        names.fold(tool, |tool, name| tool.args(["--table", name]))
    };
    let finished = tables(incremental(&pair)).succeed();
    let warned = "unless it grows with every row";
    let text = finished.stderr();
    for (name, _) in doubtful {
        let lines = text.lines().filter(|line| line.contains(warned) && line.contains(name));
        assert_eq!(lines.count(), 1, "{name}: {finished}");
    }
    assert_eq!(text.matches(warned).count(), doubtful.len(), "{finished}");

    // The plan of a night also shows it, whether or not the target has the table.
    pair.target.execute("DROP TABLE by_text");
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup.dump");
    pair.source.pg_dump(&["--format=custom", "--file"]).arg(&backup).succeed();
    let night = || {
        bare_nocturne()
            .arg("run")
            .env("SOURCE_DATABASE_URL", pair.source.url())
            .env("DATABASE_URL", pair.target.url())
            .env("BACKUP_SOURCE", &backup)
            .env("BACKUP_ANY_DAY", "true")
            .env("MAX_RETRY_COUNT", "0")
            .env("BACKUP_MODE", r#"{"by_*":"incremental"}"#)
            .current_dir(folder.path())
    };
    let planned = night().arg("--dry-run").succeed();
    for (name, _) in doubtful {
        let said = format!("warning: table public.{name}: key id is of type ");
        assert_eq!(planned.stdout().matches(&said).count(), 1, "{planned}");
    }
    assert_eq!(planned.stdout().matches(warned).count(), doubtful.len(), "{planned}");
    let finished = night().succeed();
    assert_eq!(finished.stderr().matches(warned).count(), doubtful.len(), "{finished}");
}
