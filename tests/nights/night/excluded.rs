//! Entries that are not tables: excluded from a target, or tolerated when it refuses them.

use super::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn excluded_entries_do_not_reach_the_target() {
    let scene = Scene::new("night_excluded").await;
    scene.source.execute(
        "SELECT lo_from_bytea(4242, 'confidential-object');
         COMMENT ON LARGE OBJECT 4242 IS 'a comment';
         CREATE FUNCTION pricing(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 1000003';
         CREATE VIEW priced AS SELECT pricing(id) AS price FROM users;
         CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION watch();",
    );
    scene.backup_again();
    let warehouse = &scene.warehouse.database;
    let held = || {
        warehouse.query(
            "SELECT (SELECT count(*) FROM pg_largeobject_metadata), \
             (SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%1000003%'), \
             to_regclass('priced') IS NOT NULL, (SELECT count(*) FROM users)",
        )
    };
    // Without --exclude: the event trigger is a superuser's.
    scene.night().run().expect_code(1);
    assert_eq!(held(), "1|1|t|1000");
    let exclude = r#"["BLOB*", "FUNCTION public.pricing(*", "EVENT TRIGGER *"]"#;
    let partner = || scene.night().arg("--exclude").arg(exclude);
    let finished = partner().succeed();
    assert_eq!(held(), "0|0|f|1000");
    let said = "VIEW public.priced is not restored: it depends on FUNCTION public.pricing(integer)";
    assert!(finished.stderr().contains(said), "{finished}");
    let planned = partner().arg("--dry-run").succeed();
    assert!(planned.stdout().contains(said), "{planned}");

    let tolerated = scene.night().env("RESTORE_TOLERATE", r#"["42501"]"#).succeed();
    assert_eq!(scene.record()["entries"]["failed"], 0, "{tolerated}");
    assert_eq!(held(), "1|1|t|1000");
    // Only a superuser may create it; its comment shares the tolerance.
    scene.source.execute("CREATE EXTENSION pageinspect");
    scene.backup_again();
    for (tolerate, code) in [("[]", 1), (r#"["42501"]"#, 0)] {
        for dry in [&["--dry-run"][..], &[]] {
            scene.night().env("RESTORE_TOLERATE", tolerate).args(dry).run().expect_code(code);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistyped_name_fails_a_strict_night_before_drop() {
    let scene = Scene::new("night_strict").await;
    scene.warehouse.execute("CREATE TABLE yesterday (id int)").await;
    let is_there = "SELECT to_regclass('yesterday') IS NOT NULL";
    let strict = || scene.night().arg("--backup-mode-strict");
    let typo = r#"{"secret":"none"}"#;
    for (name, value) in [("BACKUP_MODE", typo), ("RESTORE_EXCLUDE", r#"["BLOBS *"]"#)] {
        for dry in [&["--dry-run"][..], &[]] {
            let failed = strict().env(name, value).args(dry).run().expect_code(1);
            assert!(failed.stderr().contains("of the archive matches"), "{failed}");
            assert!(failed.stderr().contains("BACKUP_MODE_STRICT"), "{failed}");
        }
        assert_eq!(scene.warehouse.database.query(is_there), "t", "{value}");
    }
    scene.night().env("BACKUP_MODE", typo).succeed();
    assert_eq!(scene.warehouse.database.query(is_there), "f");
}
