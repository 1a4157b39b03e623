//! Random nights: a database lives, is dumped every night, and synced; each time, what was synced is
//! what a restore of the archive gives.
//!
//! A round starts with the warehouse or with a random database ([`crate::random`]). By day, rows are
//! inserted, updated, deleted and rewritten (`play.sql`), now and then a definition changes
//! (`definitions.sql`), someone writes into the synced database, or a sync is killed. A round's seed is printed when
//! it fails, and repeats it:
//!
//! ```text
//! NOCTURNE_NIGHTS_SEED=42 NOCTURNE_NIGHTS_ROUNDS=1 cargo test --test it -- --nocapture sync::random_nights
//! ```
//!
//! `make nights` plays 60 rounds of 20 nights.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::compare::{assert_same_database_with, difference};
use crate::common::random::{Random, seed, variable};
use crate::common::{
    Archive, Cluster, Database, Finished, Running, cluster, dump_without, fixtures_where,
    fresh_name, nocturne, versions,
};
use crate::random::kinds::Kind;
use crate::random::names::Alphabet;
use crate::random::source::Source;

/// Default number of rounds: always the same ones, so that a failure comes from the last change.
const ROUNDS: u64 = 4;

/// Default number of nights of a round.
const NIGHTS: u64 = 4;

/// The seed of the first round.
const SEED: u64 = 2;

/// Schemas of a random database.
const SCHEMAS: u64 = 2;

/// A table of which so many rows may change that all are replaced: see `play.sql`.
const LARGE: &str = "CREATE TABLE public.nights (id integer PRIMARY KEY, note text); \
    INSERT INTO public.nights SELECT n, md5(n::text) FROM generate_series(1, 12000) n";

/// What happened in all nights.
#[derive(Debug, Default)]
struct Tally {
    nights: u64,
    /// Nights in which everything was restored.
    full: u64,
    unchanged: u64,
    patched: u64,
    replaced: u64,
}

#[test]
fn every_night_equals_a_restore_of_its_archive() {
    let rounds = variable("NOCTURNE_NIGHTS_ROUNDS").unwrap_or(ROUNDS);
    let unseeded = if rounds > ROUNDS { seed() } else { SEED };
    let first = variable("NOCTURNE_NIGHTS_SEED").unwrap_or(unseeded);
    eprintln!("NOCTURNE_NIGHTS_SEED={first}");
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let failed: Mutex<Vec<u64>> = Mutex::default();
    let work = || {
        while let number = next.fetch_add(1, Ordering::Relaxed)
            && number < rounds
        {
            let seed = first.wrapping_add(number);
            if catch_unwind(AssertUnwindSafe(|| round(seed, &tally))).is_err() {
                eprintln!("repeat with NOCTURNE_NIGHTS_SEED={seed} NOCTURNE_NIGHTS_ROUNDS=1");
                failed.lock().unwrap().push(seed);
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let (tally, failed) = (tally.into_inner().unwrap(), failed.into_inner().unwrap());
    eprintln!("{rounds} rounds: {tally:?}");
    assert!(failed.is_empty(), "{} of {rounds} rounds fail: {failed:?}", failed.len());
    if rounds >= ROUNDS {
        let Tally { nights, full, unchanged, patched, replaced } = tally;
        assert!(full * 2 < nights, "most nights restored everything: they prove little");
        assert!(unchanged > 0 && patched > 0 && replaced > 0, "an answer was never tested");
    }
}

/// Plays a round. A database that cannot be restored without errors has no nights.
fn round(seed: u64, tally: &Mutex<Tally>) {
    let mut random = Random::new(seed);
    let versions = versions();
    let cluster = cluster(versions[(seed % versions.len() as u64) as usize]);
    let (source, client) = match random.chance(40) {
        true => (warehouse(cluster), "UTF8"),
        false => random_database(cluster, &mut random),
    };
    source.execute(LARGE);
    let synced = same_encoding(cluster, &source);
    let mut took = Duration::ZERO;
    for night in 0..variable("NOCTURNE_NIGHTS").unwrap_or(NIGHTS) {
        eprintln!("round {seed}, night {night}, PostgreSQL {}", cluster.major);
        let day = format!("{seed}_{night}");
        if night > 0 {
            play(&source, client, &day, include_str!("play.sql"));
            if random.chance(15) {
                play(&source, client, &day, include_str!("definitions.sql"));
            }
            if random.chance(30) {
                play(&synced, client, &format!("{day}_others"), include_str!("play.sql"));
            }
        }
        let format = random.one(&["custom", "directory", "tar"]);
        let archive = Archive::dump(&source, &[&format!("--format={format}")]);
        let path = archive.path();
        let expected = same_encoding(cluster, &source);
        let restored = nocturne().args(["restore", "--quiet", "-d", &expected.url()]).arg(&path);
        if restored.run().code() != 0 {
            return;
        }
        let is_stream = format == "custom" && random.chance(30);
        if night > 0 && random.chance(30) {
            kill_one(&path, (&synced, &expected), random.within(took));
        }
        let started = Instant::now();
        let (finished, summary) = sync(&path, &synced, is_stream);
        took = started.elapsed();
        // A stream cannot be read again to restore everything.
        let finished = match finished.code() {
            1 if is_stream && night > 0 => {
                assert!(finished.stderr().contains("everything has to be restored"), "{finished}");
                sync(&path, &synced, false)
            }
            _ => (finished, summary),
        };
        let (finished, summary) = finished;
        assert_eq!(finished.code(), 0, "{finished}");
        eprintln!("{}", finished.stderr().lines().nth(1).unwrap_or_default());
        compare(&synced, &expected, &path);
        tally.lock().unwrap().add(&summary["sync"]);
    }
}

/// Syncs, and returns the summary.
fn sync(archive: &Path, synced: &Database<'_>, is_stream: bool) -> (Finished, Value) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    let tool = nocturne().args(["sync", "-d", &synced.url(), "--summary"]).arg(&path);
    let finished = match is_stream {
        true => tool.input(std::fs::read(archive).unwrap()).run(),
        false => tool.arg(archive).run(),
    };
    let summary = std::fs::read(&path).map(|json| serde_json::from_slice(&json).unwrap());
    (finished, summary.unwrap_or_default())
}

/// Kills a sync after this time: it has changed everything, or nothing.
fn kill_one(archive: &Path, (synced, expected): (&Database<'_>, &Database<'_>), after: Duration) {
    let before = dump_without(synced, "nocturne");
    let running = Running::start_command("sync", archive, &synced.url(), &["--no-full"]);
    sleep(after);
    running.kill();
    synced.wait_until(
        "NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
         AND backend_type = 'client backend' AND pid <> pg_backend_pid())",
    );
    let now = dump_without(synced, "nocturne");
    if let Some(difference) = difference(&now, &before) {
        let done = dump_without(expected, "nocturne");
        assert!(now == done, "a killed sync has changed a part:\n{difference}");
    }
}

/// Fails the test if the databases differ in anything but what a sync records.
fn compare(synced: &Database<'_>, expected: &Database<'_>, archive: &Path) {
    assert_same_database_with(synced, expected, &["--exclude-schema", "nocturne"]);
    assert_eq!(materialized(synced), materialized(expected), "rows of materialized views");
    let verified = |database: &Database<'_>| {
        let verified = nocturne().args(["verify", "-d", &database.url()]).arg(archive).run();
        (verified.code(), verified.stdout().replace(&database.name, ""))
    };
    assert_eq!(verified(synced), verified(expected));
    let stages = "SELECT count(*) FROM pg_class WHERE relnamespace = 'nocturne'::regnamespace \
                  AND relname LIKE 'stage%'";
    assert_eq!(synced.query(stages), "0", "staging tables are left");
}

/// The rows of all materialized views.
fn materialized(database: &Database<'_>) -> String {
    let sql = "SELECT format('SELECT %L, md5(string_agg(v::text, chr(10) ORDER BY v::text \
               COLLATE \"C\")) FROM %1$s v', format('%I.%I', schemaname, matviewname)) \
               FROM pg_matviews ORDER BY 1 \\gexec\n";
    let psql = database.psql().args(["--tuples-only", "--no-align"]);
    psql.input(sql).succeed().comparable_stdout()
}

/// Runs a script whose statements may fail.
fn play(database: &Database<'_>, client: &str, seed: &str, script: &str) {
    let script = format!("SET client_encoding = '{client}';\n\\set seed {seed}\n{script}");
    let psql = database.psql().args(["--set", "ON_ERROR_STOP=0", "--output", "/dev/null"]);
    psql.input(script).run();
}

/// The warehouse of the fixtures.
fn warehouse(cluster: &Cluster) -> Database<'_> {
    let name = format!("warehouse-pg{}-", cluster.major);
    let is_whole = |name: &str| !name.contains("-only.");
    let fixtures =
        fixtures_where(|fixture| fixture.name.starts_with(&name) && is_whole(&fixture.name));
    let database = cluster.fresh_db("lived");
    let restore = nocturne().args(["restore", "--quiet", "-d", &database.url()]);
    restore.arg(&fixtures[0].path).run().expect_code(0);
    database
}

/// A random database, and the encoding of its client.
fn random_database(
    cluster: &'static Cluster,
    random: &mut Random,
) -> (Database<'static>, &'static str) {
    let alphabet = Alphabet::any(random);
    let own = Random::new(random.below(u64::MAX));
    let mut source = Source::new(own, cluster.major, alphabet, true);
    for _ in 0..SCHEMAS {
        source.start_schema();
        for kind in Kind::some(&KINDS, &mut source.random) {
            kind.make(&mut source);
        }
    }
    let database = cluster.adopt_db(fresh_name("lived"));
    create(&database, alphabet.encoding);
    let mut script = format!("SET client_encoding = '{}';\n", alphabet.client());
    source.statements().iter().for_each(|statement| script.push_str(&format!("{statement};\n")));
    database.psql().args(["--output", "/dev/null"]).input(alphabet.encode(&script)).succeed();
    (database, alphabet.client())
}

/// Kinds of objects whose databases are not restored anew every night.
const KINDS: [Kind; 9] = [
    Kind::Tables,
    Kind::Tables,
    Kind::Keys,
    Kind::Inheritance,
    Kind::Views,
    Kind::Partitions,
    Kind::Triggers,
    Kind::Types,
    Kind::Privileges,
];

/// A new database with the encoding of another one.
fn same_encoding<'a>(cluster: &'a Cluster, other: &Database<'_>) -> Database<'a> {
    let database = cluster.adopt_db(fresh_name("synced"));
    create(&database, &other.query("SHOW server_encoding"));
    database
}

fn create(database: &Database<'_>, encoding: &str) {
    let create = format!(
        "CREATE DATABASE \"{}\" TEMPLATE template0 ENCODING '{encoding}' \
         LC_COLLATE 'C' LC_CTYPE 'C'",
        database.name
    );
    database.cluster.psql("postgres").args(["--command", &create]).succeed();
}

impl Tally {
    fn add(&mut self, sync: &Value) {
        self.nights += 1;
        let list = |name: &str| sync[name].as_array().cloned().unwrap_or_default();
        self.full += u64::from(!list("restored_for").is_empty());
        for table in list("tables") {
            match table["answer"].as_str() {
                Some("unchanged") => self.unchanged += 1,
                Some("patched") => self.patched += 1,
                _ => self.replaced += 1,
            }
        }
    }
}
