//! SQL files between the stages of a restore, and tables that one of them distributes.
//!
//! Citus cannot be installed here. Its stand-in is a table `pg_dist_partition` where
//! Citus has it, and an event trigger and a trigger that refuse what a distributed table refuses.

use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::common::{Cluster, Database, Owned, cluster, folder, until, versions};
use nocturne::replicate::hooks::{HookError, HookPoint, Hooks};
use nocturne::restore::event::{Event, Events, Outcome};
use nocturne::restore::{
    Ended, ForeignKeys, RestoreError, RestoreOptions, StagePoint, Stages, restore,
};
use nocturne::select::{SelectOptions, select};
use nocturne::server::{Retry, Target};
use nocturne::source::{self, Input};
use nocturne::statements::{Ownership, SourceSettings, Style};
use tokio_util::sync::CancellationToken;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// Two tables with rows, keys and an index each.
const SOURCE: &str = "
    CREATE TABLE users (id int PRIMARY KEY, name text UNIQUE);
    CREATE TABLE answers (id int PRIMARY KEY, \"userId\" int REFERENCES users, value text);
    CREATE INDEX answers_user ON answers (\"userId\");
    INSERT INTO users SELECT n, 'user ' || md5(n::text) FROM generate_series(1, 1000) n;
    INSERT INTO answers SELECT n, 1 + n % 1000, repeat(md5(n::text), 8) FROM generate_series(1, 4000) n;
";

/// Dumps a database of these tables; the file lives as long as the folder.
fn archive(cluster: &Cluster, name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let source = cluster.fresh_db(name);
    source.execute(SOURCE);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup.pgsql");
    source.pg_dump(&["--format=custom", "--no-owner", "--file", path.to_str().unwrap()]).succeed();
    (folder, path)
}

/// Restores like the night: returns the failures as text, with the reported warnings.
async fn restore_with(
    path: &Path,
    target: Target,
    stages: Stages,
    foreign_keys: ForeignKeys,
) -> (Result<Ended, RestoreError>, Vec<String>) {
    let archive = source::open(&Input::Path(path.to_owned())).unwrap();
    let entries = &archive.toc.entries;
    let selection = select(entries, &SelectOptions::default(), None).unwrap();
    let options = RestoreOptions {
        jobs: 3,
        style: Style {
            ownership: Ownership::Ignore,
            source: SourceSettings::of(&archive.toc),
            ..Style::default()
        },
        foreign_keys,
        stages,
        ..RestoreOptions::default()
    };
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = said.clone();
    let events = Events::to(move |event| {
        let line = match event {
            Event::Warning { message } => message,
            Event::Finished { entry, outcome: Outcome::Failed { failure }, .. } => {
                format!("{}: {}", entry.label(), failure.message)
            }
            _ => return,
        };
        heard.lock().unwrap().push(line);
    });
    let result =
        restore(archive, &selection, options, target, events, std::future::pending()).await;
    let said = said.lock().unwrap().clone();
    (result, said)
}

/// The stages that run the hooks of a folder, as in a night.
fn stages(folder: &Path, target: &Target) -> Stages {
    let hooks = Arc::new(Hooks::read(folder).unwrap());
    let mut stages = Stages::default();
    for (stage, point) in [
        (HookPoint::AfterPreData, StagePoint::AfterPreData),
        (HookPoint::AfterData, StagePoint::AfterData),
    ] {
        if hooks.has(stage) {
            let (hooks, target) = (hooks.clone(), target.clone());
            stages = stages.at(point, move || {
                let (hooks, target) = (hooks.clone(), target.clone());
                async move { hooks.run(stage, &target, &CancellationToken::new()).await }
            });
        }
    }
    stages
}

/// Records what exists: tables of the restore, their rows, their indexes.
fn note(stage: HookPoint) -> String {
    let rows = match stage {
        HookPoint::BeforeRestore => "0",
        _ => "(SELECT count(*) FROM answers)",
    };
    format!(
        "CREATE TABLE IF NOT EXISTS notes (line int GENERATED ALWAYS AS IDENTITY, note text);
         INSERT INTO notes (note)
         SELECT (SELECT count(*) FROM pg_class WHERE relname IN ('users', 'answers')) || ' tables, '
             || {rows} || ' rows, '
             || (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
                 WHERE c.relname IN ('users', 'answers')) || ' indexes';"
    )
}

#[test]
fn hooks_run_between_the_stages() {
    let folder = folder(&[
        ("before-restore.sql", "CREATE TABLE order_of_files (n int);"),
        ("before-restore/1.sql", "INSERT INTO order_of_files VALUES (1);"),
        ("before-restore/2.sql", "UPDATE order_of_files SET n = n + 1;"),
        ("after-pre-data.sql", "SELECT id FROM users;"),
        ("after-data.sql", "SELECT id FROM users;"),
        ("after-restore.sql", "SELECT id FROM users;"),
    ]);
    let notes = tempfile::tempdir().unwrap();
    for stage in HookPoint::ALL {
        std::fs::write(notes.path().join(format!("{stage}.sql")), note(stage)).unwrap();
    }
    for major in versions() {
        block_on(async {
            let owned = Owned::new(cluster(major), "hooks_stages");
            let (_kept, path) = archive(owned.database.cluster, "hooks_source");
            let (target, stop) = (owned.target(), CancellationToken::new());
            for folder in [folder.path(), notes.path()] {
                let hooks = Hooks::read(folder).unwrap();
                hooks.run(HookPoint::BeforeRestore, &target, &stop).await.unwrap();
            }
            let both = stages(notes.path(), &target);
            let (result, said) =
                restore_with(&path, target.clone(), both, ForeignKeys::Validated).await;
            assert_eq!((result.unwrap().errors, said), (0, vec![]), "{major}");
            for folder in [folder.path(), notes.path()] {
                let hooks = Hooks::read(folder).unwrap();
                hooks.run(HookPoint::AfterRestore, &target, &stop).await.unwrap();
            }
            assert_eq!(owned.database.query("SELECT n FROM order_of_files"), "2");
            assert_eq!(
                owned.database.query("SELECT string_agg(note, '; ' ORDER BY line) FROM notes"),
                "0 tables, 0 rows, 0 indexes; 2 tables, 0 rows, 0 indexes; \
                 2 tables, 4000 rows, 0 indexes; 2 tables, 4000 rows, 4 indexes",
                "{major}"
            );
        });
    }
}

#[test]
fn failed_hook_ends_restore_and_names_its_place() {
    block_on(async {
        let owned = Owned::new(cluster(15), "hooks_failure");
        let (_kept, path) = archive(owned.database.cluster, "hooks_failure_source");
        let folder = folder(&[("after-data/10-check.sql", "SELECT 1;\n\nSELECT\n 1/0;\n")]);
        let target = owned.target();
        let stages = stages(folder.path(), &target);
        let (result, _) = restore_with(&path, target, stages, ForeignKeys::Validated).await;
        let error = result.unwrap_err();
        assert!(
            matches!(&error, RestoreError::Stage { point: StagePoint::AfterData, .. }),
            "{error}"
        );
        let mut said = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            said = format!("{said}: {error}");
            source = error.source();
        }
        assert!(said.starts_with("stopped after the rows: hook after-data failed: "), "{said}");
        assert!(
            said.contains(
                "10-check.sql, line 3: statement failed (SQLSTATE 22012): ERROR: division by zero"
            ),
            "{said}"
        );
        // The rows exist, and no index was started.
        assert_eq!(owned.database.query("SELECT count(*) FROM answers"), "4000");
        assert_eq!(
            owned.database.query("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'"),
            "0"
        );
    });
}

#[test]
fn stream_also_waits_at_the_stages() {
    block_on(async {
        let owned = Owned::new(cluster(15), "hooks_stream");
        let (kept, path) = archive(owned.database.cluster, "hooks_stream_source");
        // A compressed tar can only be read once, from start to end.
        let tar = kept.path().join("backup.tar.gz");
        crate::common::Tool::new("tar")
            .args(["-czf"])
            .arg(&tar)
            .arg("-C")
            .arg(kept.path())
            .arg("backup.pgsql")
            .succeed();
        assert!(path.exists());
        let count = "INSERT INTO notes SELECT count(*) FROM answers;";
        let folder = folder(&[
            ("after-pre-data.sql", &format!("CREATE TABLE notes (n int); {count}")),
            (
                "after-data.sql",
                &format!("{count} CREATE UNIQUE INDEX here ON answers (id, value);"),
            ),
        ]);
        let target = owned.target();
        let stages = stages(folder.path(), &target);
        let (result, said) = restore_with(&tar, target, stages, ForeignKeys::Validated).await;
        assert_eq!((result.unwrap().errors, said), (0, vec![]));
        assert_eq!(
            owned.database.query("SELECT string_agg(n::text, ' ' ORDER BY n) FROM notes"),
            "0 4000"
        );
        assert_eq!(
            owned.database.query("SELECT count(*) FROM pg_indexes WHERE tablename = 'answers'"),
            "3"
        );
    });
}

#[test]
fn interrupted_hook_is_cancelled_on_the_server() {
    block_on(async {
        let owned = Owned::new(cluster(15), "hooks_stop");
        let folder = folder(&[("after-restore.sql", "SELECT pg_sleep(3600);")]);
        let hooks = Hooks::read(folder.path()).unwrap();
        let target = owned.target();
        let sleeps = "EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' \
                      AND datname = current_database() AND query LIKE 'SELECT pg_sleep(3600)%')";
        let is_asleep = || owned.database.query(&format!("SELECT {sleeps}")) == "t";
        let asleep = || until("it sleeps", is_asleep);
        let stop = CancellationToken::new();
        let cancel = async {
            asleep().await;
            stop.cancel();
        };
        let run = hooks.run(HookPoint::AfterRestore, &target, &stop);
        let (result, ()) = tokio::join!(run, cancel);
        let error = result.unwrap_err();
        assert!(
            matches!(error, HookError::Failed { .. }) && error.retry() != Retry::Never,
            "{error}"
        );
        owned.database.wait_until(&format!("NOT {sleeps}"));
        // A session dropped midway, as by a restore that ends early.
        let stop = CancellationToken::new();
        tokio::select! {
            _ = hooks.run(HookPoint::AfterRestore, &target, &stop) => panic!("it sleeps an hour"),
            () = asleep() => {}
        }
        until("it is cancelled", || !is_asleep()).await;
    });
}

/// The stand-in for Citus.
fn install_stand_in(database: &Database<'_>) {
    database.execute(
        "SET allow_system_table_mods = on;
         CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod \"char\");
         GRANT SELECT, INSERT ON pg_catalog.pg_dist_partition TO public;
         RESET allow_system_table_mods;
         CREATE FUNCTION public.create_distributed_table(name regclass, key text) RETURNS void
         LANGUAGE plpgsql AS $$BEGIN
             INSERT INTO pg_dist_partition VALUES (name, 'h');
             EXECUTE format('CREATE TRIGGER refuses BEFORE TRUNCATE ON %s EXECUTE FUNCTION public.refuse_truncate()', name);
         END$$;
         CREATE FUNCTION public.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS
         $$BEGIN RAISE 'TRUNCATE of a distributed table' USING ERRCODE = '0A000'; END$$;
         CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
             IF current_query() ~* 'USING INDEX|NOT VALID|VALIDATE' AND EXISTS (
                 SELECT FROM pg_event_trigger_ddl_commands() c
                 JOIN pg_dist_partition p ON p.logicalrelid = c.objid)
             THEN RAISE 'not on a distributed table' USING ERRCODE = '0A000'; END IF;
         END$$;
         CREATE EVENT TRIGGER refuse ON ddl_command_end EXECUTE FUNCTION public.refuse();",
    );
}

#[test]
fn distributed_table_gets_the_archives_own_statements() {
    let folder =
        folder(&[("after-pre-data.sql", "SELECT create_distributed_table('answers', 'id');")]);
    for major in versions() {
        block_on(async {
            let owned = Owned::new(cluster(major), "hooks_distributed");
            install_stand_in(&owned.database);
            let (_kept, path) = archive(owned.database.cluster, "hooks_distributed_source");
            let target = owned.target();
            let stages = stages(folder.path(), &target);
            let (result, said) = restore_with(&path, target, stages, ForeignKeys::Validated).await;
            assert_eq!((result.unwrap().errors, said), (0, vec![]), "{major}");
            assert_eq!(owned.database.query("SELECT count(*) FROM answers"), "4000");
            assert_eq!(
                owned.database.query(
                    "SELECT string_agg(conname || ' ' || convalidated, ', ' ORDER BY conname)
                     FROM pg_constraint WHERE conrelid IN ('users'::regclass, 'answers'::regclass) AND contype <> 'n'"
                ),
                "answers_pkey true, answers_userId_fkey true, users_name_key true, users_pkey true",
                "{major}"
            );
            // The other table was loaded directly: its rows are frozen. Not every server here has
            // the extension that shows it.
            let available =
                "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_visibility'";
            if owned.database.query(available) == "0" {
                assert_ne!(major, 15, "the distribution's server has it");
                return;
            }
            let frozen =
                "SELECT count(*) FROM pg_visibility_map_summary('{}') WHERE all_frozen > 0";
            owned.database.execute("CREATE EXTENSION pg_visibility");
            assert_eq!(owned.database.query(&frozen.replace("{}", "users")), "1", "{major}");
            assert_eq!(owned.database.query(&frozen.replace("{}", "answers")), "0", "{major}");
        });
    }
}

#[test]
fn distributed_keys_are_checked_where_others_are_not() {
    block_on(async {
        let owned = Owned::new(cluster(15), "hooks_not_valid");
        install_stand_in(&owned.database);
        let (_kept, path) = archive(owned.database.cluster, "hooks_not_valid_source");
        let folder =
            folder(&[("after-pre-data.sql", "SELECT create_distributed_table('answers', 'id');")]);
        let target = owned.target();
        let stages = stages(folder.path(), &target);
        let (result, said) = restore_with(&path, target, stages, ForeignKeys::NotValid).await;
        assert_eq!(result.unwrap().errors, 0, "{said:?}");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].ends_with("is validated, not added NOT VALID: its table is distributed"),
            "{said:?}"
        );
    });
}

#[test]
fn citus_stand_in_refuses_statements_for_ordinary_tables() {
    block_on(async {
        let owned = Owned::new(cluster(15), "hooks_refusal");
        install_stand_in(&owned.database);
        owned
            .execute("CREATE TABLE answers (id int); CREATE UNIQUE INDEX i ON answers (id); SELECT create_distributed_table('answers', 'id')")
            .await;
        let session = owned.session().await;
        for sql in [
            "TRUNCATE ONLY public.answers",
            "ALTER TABLE public.answers ADD PRIMARY KEY USING INDEX i",
            "ALTER TABLE public.answers ADD CHECK (id > 0) NOT VALID",
        ] {
            let error = session.execute(sql).await.unwrap_err();
            assert_eq!(error.sqlstate(), Some("0A000"), "{sql}");
        }
    });
}
