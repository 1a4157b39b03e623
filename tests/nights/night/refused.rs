//! Nights that must leave yesterday's warehouse unchanged.

use super::scene::{Scene, pack, stages};
use crate::common::{Tool, fresh_name};

/// Yesterday's warehouse, and its expected state.
async fn yesterday(scene: &Scene<'_>) -> String {
    scene.warehouse.execute("CREATE TABLE yesterday AS SELECT 1 AS id").await;
    scene.state()
}

/// The archive's header with another year, in the dump and in the backup.
pub fn redate(scene: &Scene<'_>, years: i8) {
    let mut dump = std::fs::read(scene.dump()).unwrap();
    // Magic, version, sizes of integers, format: then the compression, and seven integers of five
    // bytes each, of which the sixth is the year since 1900.
    let compression = if dump[6] >= 15 { 1 } else { 5 };
    let year = 11 + compression + 5 * 5;
    assert!(dump[year + 1] > 100, "{}", dump[year + 1]);
    dump[year + 1] = dump[year + 1].checked_add_signed(years).unwrap();
    std::fs::write(scene.dump(), dump).unwrap();
    scene.serve(pack(scene.folder.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_file_leaves_the_warehouse_unchanged() {
    let scene = Scene::new("night_stale").await;
    redate(&scene, -3);
    let state = yesterday(&scene).await;
    // A fresh file of an old archive, such as a copy.
    let file = scene.folder.path().join("backup.tar.gz");
    let places = [
        file.display().to_string(),
        scene.folder.path().display().to_string(),
        scene.dump().display().to_string(),
        scene.files.url("/elsewhere.tar.gz"),
    ];
    for place in &places {
        for rule in [&[][..], &["--max-age-hours", "48"]] {
            let failed = scene.night().env("BACKUP_SOURCE", place).args(rule).run().expect_code(1);
            assert!(failed.stderr().contains(" was made at 20"), "{failed}");
            assert_eq!(scene.state(), state, "{failed}");
        }
    }
    scene
        .night()
        .env("BACKUP_SOURCE", &file)
        .args(["--max-age-hours", "8784"])
        .run()
        .expect_code(1);
    // The plan, the log and the record also show the time of the header.
    let any_day = || scene.night().env("BACKUP_SOURCE", &file).arg("--any-day");
    let planned = any_day().arg("--dry-run").succeed();
    let age = |line: &str| {
        let hours = line.strip_suffix(" old")?.rsplit_once(", ")?.1.split_once("h ")?.0;
        hours.parse::<u32>().ok()
    };
    let ages: Vec<u32> = planned.stdout().lines().filter_map(age).collect();
    assert!(ages.len() == 1 && ages[0] > 3 * 364 * 24, "{planned}");
    any_day().succeed();
    assert_ne!(scene.state(), state);
    let year = |time: &str| time.split_once('-').unwrap().0.parse::<i32>().unwrap();
    let now = chrono::Utc::now().to_rfc3339();
    let record = scene.record();
    let created = record["backup"]["created"].as_str().unwrap();
    assert_eq!(year(created), year(&now) - 3, "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_from_the_future_is_a_warning() {
    let scene = Scene::new("night_future").await;
    redate(&scene, 1);
    let file = scene.folder.path().join("backup.tar.gz");
    let url = scene.files.url("/elsewhere.tar.gz");
    let said = " according to its header, which is in the future in the zone ";
    for rule in [&[][..], &["--max-age-hours", "48"], &["--any-day"]] {
        let planned =
            scene.night().env("BACKUP_SOURCE", &file).args(rule).arg("--dry-run").succeed();
        assert!(planned.stdout().contains(said), "{planned}");
    }
    let night = scene.night().env("BACKUP_SOURCE", url).succeed();
    assert!(night.stderr().contains(said), "{night}");
    // The time of a host's backup is the host's.
    let hosts = scene.night().arg("--dry-run").succeed();
    assert!(!hosts.stdout().contains(" in the future"), "{hosts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_create_privilege_fails_night_before_drop() {
    let scene = Scene::new("night_rights").await;
    let database = &scene.warehouse.database;
    let (name, role) = (&database.name, &scene.warehouse.role);
    // The schemas: one that is dropped and created again, and one of another role, which stays.
    scene.warehouse.execute("CREATE SCHEMA learning; CREATE TABLE learning.skills (id int)").await;
    scene.source.execute(
        "CREATE SCHEMA shared; CREATE TABLE shared.pages (id int);
         ALTER SCHEMA public OWNER TO postgres",
    );
    scene.backup_again();
    database.execute(&format!(
        "ALTER SCHEMA public OWNER TO postgres; REVOKE ALL ON SCHEMA public FROM PUBLIC, {role};
         CREATE SCHEMA shared; GRANT USAGE ON SCHEMA shared TO {role}; DROP EXTENSION pg_trgm"
    ));
    scene.warehouse.session().await.execute("CREATE TABLE learning.yesterday ()").await.unwrap();
    let public = format!("GRANT CREATE, USAGE ON SCHEMA public TO {role}");
    let shared = format!("GRANT CREATE ON SCHEMA shared TO {role}");
    let whole = format!("GRANT CREATE ON DATABASE {name} TO {role}");
    let revoke = format!("REVOKE CREATE ON DATABASE {name} FROM {role}");
    let rounds: [(&str, &[&str], &[&str]); 2] = [
        ("SELECT", &[&public, &shared], &["schema public", "schema shared"]),
        (&revoke, &[&whole], &["cannot create schema learning (hint: "]),
    ];
    for (breaks, grants, named) in rounds {
        database.execute(breaks);
        let state = scene.state();
        for dry in [&["--dry-run"][..], &[]] {
            let failed = scene.night().args(dry).run().expect_code(1);
            let said = format!("{}{}", failed.stdout(), failed.stderr());
            for expected in grants.iter().chain(named) {
                assert!(said.contains(expected), "{expected}: {failed}");
            }
            assert_eq!(scene.state(), state, "{failed}");
        }
        let record = scene.record();
        assert!(record["error"].as_str().unwrap().starts_with("nothing was dropped: role"));
        assert!(!stages(&record).contains("drop"), "{record}");
        grants.iter().for_each(|grant| database.execute(grant));
    }
    scene.night().arg("--dry-run").succeed();
    scene.night().succeed();
    assert_eq!(database.query("SELECT to_regclass('learning.yesterday') IS NULL"), "t");
    // The entry of a schema that exists takes no right.
    database.execute(&revoke);
    let left = r#"["SCHEMA learning", "EXTENSION pg_trgm"]"#;
    scene.night().env("RESTORE_EXCLUDE", left).succeed();
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_backup_leaves_the_warehouse_unchanged() {
    let scene = Scene::new("night_damaged").await;
    let state = yesterday(&scene).await;
    let whole = std::fs::read(scene.folder.path().join("backup.tar.gz")).unwrap();
    let cut = whole[..whole.len() * 2 / 3].to_vec();
    let mut flipped = whole.clone();
    let place = flipped.len() * 2 / 3;
    flipped[place] ^= 0x55;
    let file = scene.folder.path().join("damaged.tar.gz");
    for bytes in [cut, flipped] {
        std::fs::write(&file, &bytes).unwrap();
        scene.serve(bytes);
        let first = |tool: Tool| tool.env("DOWNLOAD_FIRST", "true");
        let local = |tool: Tool| tool.env("BACKUP_SOURCE", &file).arg("--any-day");
        for failed in [first(scene.night()).run(), local(scene.night()).run()] {
            let failed = failed.expect_code(1);
            assert!(failed.stderr().contains("is damaged: "), "{failed}");
            assert_eq!(scene.state(), state, "{failed}");
            assert!(!stages(&scene.record()).contains("drop"));
        }
    }
    // Unread data is trusted only on request.
    let trusting = scene.night().env("BACKUP_SOURCE", &file).arg("--any-day");
    trusting.arg("--verify-backup=false").run().expect_code(1);
    assert_ne!(scene.state(), state);
}

#[tokio::test(flavor = "multi_thread")]
async fn swap_is_refused_where_others_own_objects() {
    let scene = Scene::with("night_swap_others", "CREATEDB").await;
    let _others = super::swapped::others(&scene);
    let role = fresh_name("analyst_swap");
    scene.warehouse.database.execute(&format!(
        "CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}; CREATE VIEW of_admin AS SELECT 1;
         SET ROLE {role}; CREATE TABLE notes (id int); CREATE FUNCTION f() RETURNS int
         LANGUAGE sql AS 'SELECT 1'; CREATE TYPE mood AS ENUM ('sad'); SELECT lo_create(4711)"
    ));
    let state = yesterday(&scene).await;
    let failed = scene.night().arg("--swap").run().expect_code(1);
    for named in ["table public.notes of", "view public.of_admin of", "function public.f()", "4711"]
    {
        assert!(failed.stderr().contains(named), "{named}: {failed}");
    }
    assert!(failed.stderr().contains("SWAP_DROPS_OTHERS=true"), "{failed}");
    assert_eq!(stages(&scene.record()), "", "{failed}");
    assert_eq!(scene.state(), state);
    let lost = scene.night().args(["--swap", "--swap-drops-others"]).succeed();
    assert!(lost.stderr().contains("will not have "), "{lost}");
    let gone = "SELECT to_regclass('notes') IS NULL";
    assert_eq!(scene.warehouse.database.query(gone), "t");
    super::swapped::drop_others(&scene);
    scene.warehouse.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn swap_names_extensions_missing_in_the_new_database() {
    let scene = Scene::with("night_swap_extensions", "CREATEDB").await;
    let _others = super::swapped::others(&scene);
    // Of these the archive has pg_trgm and citext, and every database has plpgsql.
    scene.source.execute("CREATE EXTENSION citext");
    scene.backup_again();
    let warehouse = &scene.warehouse.database;
    warehouse.execute(
        "CREATE EXTENSION pageinspect; CREATE EXTENSION citext; DROP EXTENSION plpgsql CASCADE;
         CREATE EXTENSION plpgsql",
    );
    scene.warehouse.execute("CREATE EXTENSION hstore").await;
    let role = &scene.warehouse.role;
    warehouse.execute(&format!("ALTER ROLE {role} SET quote_all_identifiers = on"));
    let state = yesterday(&scene).await;
    let excluded = r#"["EXTENSION citext"]"#;
    for (exclude, named) in [
        ("[]", "other roles own extension pageinspect of postgres, which"),
        (excluded, "other roles own extension citext of postgres, extension pageinspect of"),
    ] {
        let night = || scene.night().arg("--swap").env("RESTORE_EXCLUDE", exclude);
        let planned = night().arg("--dry-run").run().expect_code(1);
        assert!(planned.stdout().contains(named), "{planned}");
        let failed = night().run().expect_code(1);
        assert!(failed.stderr().contains(named), "{failed}");
        assert!(!stages(&scene.record()).contains("drop"), "{failed}");
        assert_eq!(scene.state(), state);
    }
    let lost = scene.night().args(["--swap", "--swap-drops-others"]).succeed();
    let said = "will not have extension pageinspect of postgres (SWAP_DROPS_OTHERS)";
    assert!(lost.stderr().contains(said), "{lost}");
    // The role's own extensions are neither a reason to stop nor to stay silent.
    let said = "the new database lacks extensions hstore, pageinspect";
    assert!(lost.stderr().contains(said), "{lost}");
    let there = "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension";
    assert_eq!(warehouse.query(there), "citext pg_trgm plpgsql");
    scene.night().arg("--swap").arg("--dry-run").succeed();
}

#[tokio::test(flavor = "multi_thread")]
async fn swap_template_brings_extensions_of_a_superuser() {
    let scene = Scene::with("night_swap_template", "CREATEDB").await;
    let _others = super::swapped::others(&scene);
    scene.source.execute("CREATE EXTENSION pageinspect");
    scene.warehouse.database.execute("CREATE EXTENSION pageinspect");
    scene.backup_again();
    scene.night().arg("--swap").run().expect_code(1);
    let template = scene.warehouse.database.cluster.fresh_db("night_template");
    template.execute(
        "CREATE EXTENSION pageinspect; CREATE EXTENSION pg_trgm; CREATE EXTENSION hstore;
         CREATE TABLE notes (id int); CREATE VIEW noted AS TABLE notes;
         CREATE FUNCTION note(text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    template.execute(&format!(
        "ALTER DATABASE \"{0}\" IS_TEMPLATE true; ALTER DATABASE \"{0}\" SET quote_all_identifiers = on",
        template.name
    ));
    let night = || scene.night().arg("--swap").env("SWAP_TEMPLATE", &template.name);
    night().succeed();
    let warehouse = &scene.warehouse.database;
    let there = "SELECT count(*) FROM pg_extension WHERE extname = 'pageinspect'";
    assert_eq!(warehouse.query(there), "1");
    // What the template brings again is not lost, except for rows added since.
    night().arg("--dry-run").succeed();
    let second = night().succeed();
    let said = "will have the template's version of table public.notes of postgres";
    assert!(second.stderr().contains(said), "{second}");
    warehouse.execute("CREATE FUNCTION note(int) RETURNS int LANGUAGE sql AS 'SELECT 1'");
    let refused = night().run().expect_code(1);
    let said = "other roles own function public.note(integer) of postgres, which";
    assert!(refused.stderr().contains(said), "{refused}");
    // What the template no longer has is not the night's own.
    template.execute("DROP VIEW noted");
    let refused = night().arg("--dry-run").run().expect_code(1);
    assert!(refused.stdout().contains("view public.noted of postgres, "), "{refused}");
    template.execute(&format!("ALTER DATABASE \"{}\" IS_TEMPLATE false", template.name));
}
