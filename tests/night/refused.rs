//! Nights that must leave yesterday's warehouse as it was.

use crate::common::Tool;
use crate::scene::{Scene, pack, stages};

/// A warehouse of yesterday, and what it must still be.
async fn yesterday(scene: &Scene<'_>) -> String {
    scene.warehouse.execute("CREATE TABLE yesterday AS SELECT 1 AS id").await;
    scene.state()
}

/// The archive's header with another year.
fn aged(scene: &Scene<'_>) {
    let mut dump = std::fs::read(scene.dump()).unwrap();
    // Magic, version, sizes of numbers, format: then the compression, and seven numbers of five
    // bytes each, of which the sixth is the year since 1900.
    let compression = if dump[6] >= 15 { 1 } else { 5 };
    let year = 11 + compression + 5 * 5;
    assert!(dump[year + 1] > 100, "{}", dump[year + 1]);
    dump[year + 1] -= 3;
    std::fs::write(scene.dump(), dump).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_file_leaves_the_warehouse_as_it_was() {
    let scene = Scene::new("night_stale").await;
    aged(&scene);
    scene.serve(pack(scene.folder.path()));
    let state = yesterday(&scene).await;
    // A fresh file of an old archive: a copy, say.
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
    scene.night().env("BACKUP_SOURCE", &file).arg("--any-day").succeed();
    assert_ne!(scene.state(), state);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_backup_leaves_the_warehouse_as_it_was() {
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
    // Only who asks for it trusts what was not read.
    let trusting = scene.night().env("BACKUP_SOURCE", &file).arg("--any-day");
    trusting.arg("--verify-backup=false").run().expect_code(1);
    assert_ne!(scene.state(), state);
}

#[tokio::test(flavor = "multi_thread")]
async fn swap_is_refused_where_others_own_objects() {
    let scene = Scene::with("night_swap_others", "CREATEDB").await;
    let _others = crate::swapped::others(&scene);
    let role = format!("analyst_swap_{}", std::process::id());
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
    crate::swapped::drop_others(&scene);
    scene.warehouse.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn swap_template_brings_extensions_of_a_superuser() {
    let scene = Scene::with("night_swap_template", "CREATEDB").await;
    let _others = crate::swapped::others(&scene);
    scene.source.execute("CREATE EXTENSION pageinspect");
    scene.warehouse.database.execute("CREATE EXTENSION pageinspect");
    scene.backup_again();
    scene.night().arg("--swap").run().expect_code(1);
    let template = scene.warehouse.database.cluster.fresh_db("night_template");
    template.execute("CREATE EXTENSION pageinspect; CREATE EXTENSION pg_trgm");
    template.execute(&format!("ALTER DATABASE \"{}\" IS_TEMPLATE true", template.name));
    scene.night().arg("--swap").env("SWAP_TEMPLATE", &template.name).succeed();
    let there = "SELECT count(*) FROM pg_extension WHERE extname = 'pageinspect'";
    assert_eq!(scene.warehouse.database.query(there), "1");
    template.execute(&format!("ALTER DATABASE \"{}\" IS_TEMPLATE false", template.name));
}
