//! A database whose restore depends on order, and how it is tested.

use std::path::Path;

use nocturne::restore::event::{Event, Events, Outcome};
use nocturne::restore::{Ended, RestoreOptions, SplitSize, restore};
use nocturne::select::{SelectOptions, select};
use nocturne::server::{ConnectOptions, Target};
use nocturne::source::{self, Input};
use nocturne::statements::{Ownership, SourceSettings, Style};
use std::sync::{Arc, Mutex};

use crate::common::archive::Archive;
use crate::common::cluster::Cluster;
use crate::common::compare::{assert_same_dump_with, dump_with};
use crate::common::random::{seed, variable};
use crate::common::versions::newest;
use crate::common::{Database, cluster};

/// How many random orders are tried with each number of sessions.
const ROUNDS: u64 = 1;

/// A database whose restore depends on order.
pub struct Case<'a> {
    /// Prefix of its databases' names.
    pub name: &'a str,
    /// Creates the source.
    pub source: &'a str,
    /// Options for pg_dump.
    pub dump: &'a [&'a str],
    /// Prepares the target.
    pub target: &'a str,
    /// Restore only data.
    pub data_only: bool,
    /// The restoring role, if it is not the superuser.
    pub role: Option<&'a str>,
    /// How many errors pg_restore reports; `None` for a random case.
    pub errors: Option<usize>,
    /// The seed of the case.
    pub seed: Option<u64>,
    /// The query whose result is compared after each restore.
    pub probe: &'a str,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            name: "order",
            source: "",
            dump: &["--format=custom"],
            target: "",
            data_only: false,
            role: None,
            errors: Some(0),
            seed: None,
            probe: "SELECT 1",
        }
    }
}

impl Case<'_> {
    /// Restores by pg_restore, and by nocturne in random orders with 1 and 4 sessions.
    pub fn hold(&self) {
        let cluster = cluster(newest());
        let archive = Archive::with(cluster, self.source, self.dump);
        self.hold_with(cluster, &archive.path());
    }

    /// The same with an archive created in another way.
    pub fn hold_with(&self, cluster: &'static Cluster, archive: &Path) {
        let oracle = self.database(cluster);
        let mut args = vec!["--no-owner"];
        args.extend(self.data_only.then_some("--data-only"));
        args.extend(self.role.iter().flat_map(|role| ["--username", role]));
        let by_pg_restore = oracle.pg_restore(archive, &args);
        let errors = by_pg_restore.stderr().matches("pg_restore: error: ").count();
        assert!(self.errors.is_none_or(|expected| errors == expected), "{by_pg_restore}");
        let expected = (oracle.query(self.probe), dump_with(&oracle, &[]));
        let rounds = variable("NOCTURNE_ORDER_ROUNDS").unwrap_or(ROUNDS);
        let first = self.seed.or_else(|| variable("NOCTURNE_ORDER_SEED")).unwrap_or_else(seed);
        for round in 0..rounds {
            for jobs in [1, 4] {
                let seed = first + round;
                let database = self.database(cluster);
                let failed = self.restore(&database, archive, jobs, seed);
                let what = format!("{} with -j {jobs}, NOCTURNE_ORDER_SEED={seed}", self.name);
                assert_eq!(failed.len(), errors, "{what}: {failed:#?}\n{by_pg_restore}");
                assert_eq!(database.query(self.probe), expected.0, "{what}");
                if round == 0 {
                    assert_same_dump_with(&database, &expected.1, &[]);
                }
            }
        }
    }

    /// A prepared target.
    fn database(&self, cluster: &'static Cluster) -> Database<'static> {
        let database = cluster.fresh_db(self.name);
        if let Some(role) = self.role {
            let name = &database.name;
            database.execute(&format!(
                "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
                 ALTER DATABASE {name} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role};"
            ));
        }
        if !self.target.is_empty() {
            database.execute(self.target);
        }
        database
    }

    /// Restores, and returns the failures.
    fn restore(
        &self,
        database: &Database<'_>,
        archive: &Path,
        jobs: usize,
        seed: u64,
    ) -> Vec<String> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let failed: Arc<Mutex<Vec<String>>> = Arc::default();
        let failures = failed.clone();
        let events = Events::to(move |event: Event| {
            if let Event::Finished { entry, outcome: Outcome::Failed { failure }, .. } = event {
                failures.lock().unwrap().push(format!("{}: {}", entry.label(), failure.message));
            }
        });
        let ended = runtime.block_on(self.run(database, archive, (jobs, seed), events));
        let failed = std::mem::take(&mut *failed.lock().unwrap());
        assert_eq!(ended.errors, failed.len());
        failed
    }

    async fn run(
        &self,
        database: &Database<'_>,
        archive: &Path,
        (jobs, seed): (usize, u64),
        events: Events,
    ) -> Ended {
        let archive = source::open(&Input::Path(archive.to_owned())).unwrap();
        let entries = &archive.toc.entries;
        let chosen = SelectOptions { data_only: self.data_only, ..SelectOptions::default() };
        let selection = select(entries, &chosen, None).unwrap();
        let style = Style {
            source: SourceSettings::of(&archive.toc),
            ownership: Ownership::Ignore,
            ..Style::default()
        };
        let options = RestoreOptions {
            jobs,
            style,
            split_size: SplitSize::Bytes(1),
            shuffle: Some(seed),
            ..RestoreOptions::default()
        };
        let user = format!("user={}", self.role.unwrap_or("postgres"));
        let url = database.url().replace("user=postgres", &user);
        let connect = ConnectOptions { dbname: Some(url), ..ConnectOptions::default() };
        let target = Target::resolve(&connect, &|_| None).unwrap();
        let never = std::future::pending();
        restore(archive, &selection, options, target, events, never).await.unwrap()
    }
}
