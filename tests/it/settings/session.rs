//! Settings of the sessions: memory, parallel workers, `--set`.
//!
//! A function that an index is built on reports a session's settings.

use std::collections::BTreeSet;

use crate::common::proxy::Proxy;
use crate::common::{
    Archive, Cluster, Restored, cluster, for_each_version, nocturne, restore, restore_to, versions,
};

/// A table whose index reports a setting, twice if it is built together with another one.
fn telling(settings: &[&str]) -> String {
    let told: Vec<String> = settings
        .iter()
        .map(|name| format!("RAISE WARNING '{name} is %', current_setting('{name}', true);"))
        .collect();
    format!(
        "CREATE FUNCTION public.tell(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
             $$ BEGIN IF current_database() NOT LIKE 'source%' THEN {} END IF; RETURN id; END $$;
         CREATE TABLE t (id int); CREATE INDEX t_tell ON t (public.tell(id));
         INSERT INTO t VALUES (1);",
        told.join(" ")
    )
}

/// The values that a setting had.
fn values(restored: &Restored, name: &str) -> BTreeSet<String> {
    let start = format!("{name} is ");
    let told = restored.stderr();
    let values = told.lines().filter_map(|line| line.split_once(&start)).map(|(_, value)| value);
    values.map(|value| value.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn idle_sessions_lend_processors_to_index_builds() {
    // The server has this machine's processors, which is known behind a Unix-domain socket.
    let processors = std::thread::available_parallelism().unwrap().get();
    let lent = |sessions: usize| (sessions.min(processors) - 1).to_string();
    for_each_version(|cluster| {
        let archive = Archive::of(cluster, &telling(&["max_parallel_maintenance_workers"]));
        for (options, expected) in [
            (&["-j", "1"][..], "2".to_owned()),
            (&["-j", "2"], lent(2)),
            (&["-j", "4"], lent(4)),
            (&["-j", "4", "--set", "max_parallel_maintenance_workers=7"], "7".to_owned()),
        ] {
            let target = cluster.fresh_db("workers");
            let restored = restore(&archive.path(), &target, options).expect(0);
            let values = values(&restored, "max_parallel_maintenance_workers");
            assert_eq!(values, BTreeSet::from([expected]), "{options:?}: {}", restored.finished);
        }
    });
}

#[test]
fn no_build_has_workers_while_sessions_are_busy() {
    let cluster = cluster(versions::newest());
    // Each build waits until the other also runs, in another session, which keeps its lock.
    let archive = Archive::of(
        cluster,
        "CREATE FUNCTION public.tell(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
             $$ BEGIN IF current_database() NOT LIKE 'source%' THEN
             RAISE WARNING 'max_parallel_maintenance_workers is %',
                 current_setting('max_parallel_maintenance_workers');
             PERFORM pg_advisory_lock_shared(1);
             FOR attempt IN 1..1200 LOOP
                 IF (SELECT count(DISTINCT pid) = 2 FROM pg_locks WHERE locktype = 'advisory'
                     AND objid = 1 AND mode = 'ShareLock' AND database = (SELECT oid FROM
                     pg_database WHERE datname = current_database())) THEN RETURN id; END IF;
                 PERFORM pg_sleep(0.05); END LOOP;
             RAISE EXCEPTION 'the builds do not overlap'; END IF; RETURN id; END $$;
         CREATE TABLE t (id int); INSERT INTO t VALUES (1);
         CREATE INDEX ON t (public.tell(id)); CREATE INDEX ON t (public.tell(id), id);",
    );
    let target = cluster.fresh_db("workers");
    let restored = restore(&archive.path(), &target, &["-j", "2"]).expect(0);
    let values = values(&restored, "max_parallel_maintenance_workers");
    assert_eq!(values, ["0".to_owned()].into(), "{}", restored.finished);
}

#[test]
fn index_build_memory_grows_with_the_servers() {
    let newest = versions::newest();
    let large = Cluster::start(newest, &[("shared_buffers", "400MB")]);
    for (cluster, options, expected) in [
        (&large, &["-j", "2"][..], "100MB"),
        (&large, &["-j", "1"], "200MB"),
        (&large, &["-j", "8"], "64MB"),
        (&large, &["-j", "2", "--set", "Maintenance_Work_Mem=70MB"], "70MB"),
        (cluster(newest), &["-j", "1"], "64MB"),
    ] {
        let archive = Archive::of(cluster, &telling(&["maintenance_work_mem"]));
        let target = cluster.fresh_db("memory");
        // Behind a TCP port the server's machine is not known.
        let url = Proxy::start(cluster).url(&target);
        let restored = restore_to(&archive.path(), &url, options).expect(0);
        let values = values(&restored, "maintenance_work_mem");
        assert_eq!(values, [expected.to_owned()].into(), "{options:?}: {}", restored.finished);
    }
}

/// Any machine that these tests run on has more than half a gigabyte left.
#[test]
fn index_build_memory_grows_with_the_machines() {
    let cluster = cluster(versions::newest());
    let archive = Archive::of(cluster, &telling(&["maintenance_work_mem"]));
    let target = cluster.fresh_db("memory");
    let restored = restore(&archive.path(), &target, &["-j", "1"]).expect(0);
    let values = values(&restored, "maintenance_work_mem");
    assert_eq!(values, ["128MB".to_owned()].into(), "{}", restored.finished);
}

#[test]
fn larger_memory_setting_is_not_lowered() {
    let cluster = Cluster::start(versions::newest(), &[("maintenance_work_mem", "300MB")]);
    let archive = Archive::of(&cluster, &telling(&["maintenance_work_mem"]));
    let target = cluster.fresh_db("memory");
    let restored = restore(&archive.path(), &target, &["-j", "2"]).expect(0);
    assert_eq!(values(&restored, "maintenance_work_mem"), ["300MB".to_owned()].into());
}

#[test]
fn settings_of_the_database_are_unchanged() {
    let names =
        ["maintenance_work_mem", "max_parallel_maintenance_workers", "quote_all_identifiers"];
    let set = ["5MB", "4", "on"];
    let cluster = Cluster::start(versions::newest(), &[("shared_buffers", "400MB")]);
    let archive = Archive::of(&cluster, &telling(&names));
    let target = cluster.fresh_db("purpose");
    for (name, value) in names.iter().zip(set) {
        target.execute(&format!("ALTER DATABASE \"{}\" SET {name} = '{value}'", target.name));
    }
    let restored = restore(&archive.path(), &target, &["-j", "2"]).expect(0);
    for (name, value) in names.iter().zip(set) {
        assert_eq!(values(&restored, name), [value.to_owned()].into(), "{}", restored.finished);
    }
}

#[test]
fn untunable_settings_stay_and_are_shown_with_verbose() {
    let cluster = Cluster::start(versions::newest(), &[("shared_buffers", "400MB")]);
    let archive = Archive::of(&cluster, &telling(&["maintenance_work_mem"]));
    let target = cluster.fresh_db("untuned");
    target.execute(&format!(
        "CREATE ROLE untuned LOGIN; ALTER DATABASE \"{}\" OWNER TO untuned;
         REVOKE SELECT ON pg_settings FROM PUBLIC;",
        target.name
    ));
    let url = target.url().replace("user=postgres", "user=untuned");
    let restored = restore_to(&archive.path(), &url, &["-j", "2", "--no-owner", "-v"]).expect(0);
    assert_eq!(values(&restored, "maintenance_work_mem"), ["64MB".to_owned()].into());
    let told = "keeping the server's memory and worker settings: ERROR: permission denied";
    assert!(restored.stderr().contains(told), "{}", restored.finished);
}

#[test]
fn every_session_gets_the_users_settings() {
    for_each_version(|cluster| {
        let archive = Archive::of(cluster, &telling(&["work_mem", "app.who", "DateStyle"]));
        for jobs in ["1", "3"] {
            let target = cluster.fresh_db("set");
            let options = [
                "-j",
                jobs,
                "--set",
                "work_mem=7MB",
                "--set",
                "app.who=it's",
                "--set",
                "datestyle=German, DMY",
            ];
            let restored = restore(&archive.path(), &target, &options).expect(0);
            for (name, value) in
                [("work_mem", "7MB"), ("app.who", "it's"), ("DateStyle", "German,")]
            {
                assert_eq!(
                    values(&restored, name),
                    [value.to_owned()].into(),
                    "{}",
                    restored.finished
                );
            }
        }
    });
}

#[test]
fn script_accepts_neither_settings_nor_statistics() {
    let archive = Archive::of(cluster(versions::newest()), "CREATE TABLE t (id int)");
    for options in [&["--analyze"][..], &["--set", "work_mem=1MB"]] {
        let tool = nocturne().args(["restore", "-f", "-"]).args(options).arg(archive.path());
        let refused = tool.run().expect_code(2);
        assert_eq!(refused.stdout(), "");
        assert!(refused.stderr().contains(options[0]), "{refused}");
    }
}

#[test]
fn setting_refused_by_the_server_is_named() {
    for_each_version(|cluster| {
        let archive = Archive::of(cluster, "CREATE TABLE t (id int)");
        let target = cluster.fresh_db("set");
        for (setting, words) in [
            ("no_such_setting=1", "cannot set no_such_setting: ERROR: unrecognized"),
            ("work_mem=much", "cannot set work_mem: ERROR: invalid value"),
            ("shared_buffers=1GB", "cannot set shared_buffers: ERROR: parameter"),
        ] {
            let restored = restore(&archive.path(), &target, &["--set", setting]);
            assert_eq!(restored.finished.code(), 4, "{}", restored.finished);
            assert!(restored.stderr().contains(words), "{}", restored.finished);
        }
        assert_eq!(target.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
        for (setting, words) in [
            ("work_mem", "expected NAME=VALUE"),
            ("work mem=1", "invalid setting name"),
            ("search_path=x", "is set by the restore itself"),
        ] {
            let restored = restore(&archive.path(), &target, &["--set", setting]);
            assert_eq!(restored.finished.code(), 2, "{}", restored.finished);
            assert!(restored.stderr().contains(words), "{}", restored.finished);
        }
    });
}
