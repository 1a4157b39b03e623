//! A source, a target, and operations on them.

use std::thread;

use nocturne::replicate::incremental::{
    Copied, CopySettings, IncrementalError, IncrementalTable, Retries, Summary, run,
};
use nocturne::server::{ConnectOptions, Target};
use tokio_util::sync::CancellationToken;

use crate::common::gate::{Gate, ONE_WAITS, TRAP};
use crate::common::{Cluster, Database, cluster, versions};

/// Two databases.
pub struct Pair {
    pub source: Database<'static>,
    pub target: Database<'static>,
}

impl Pair {
    /// Two databases of the newest version.
    pub fn new(name: &str) -> Self {
        let newest = cluster(versions::newest());
        Self::on(newest, newest, name)
    }

    /// From the oldest version to the newest.
    pub fn across_versions(name: &str) -> Self {
        let oldest = cluster(*versions::versions().first().unwrap());
        Self::on(oldest, cluster(versions::newest()), name)
    }

    fn on(source: &'static Cluster, target: &'static Cluster, name: &str) -> Self {
        let source = source.fresh_db(&format!("{name}_source"));
        Self { source, target: target.fresh_db(&format!("{name}_target")) }
    }

    /// Runs statements on both.
    pub fn both(&self, sql: &str) {
        self.source.execute(sql);
        self.target.execute(sql);
    }

    /// Settings without retries.
    pub fn settings(&self, tables: &[&str]) -> CopySettings {
        let tables = tables.iter().map(|name| table(name)).collect();
        let settings =
            CopySettings::new(target(&self.source.url()), target(&self.target.url()), tables);
        CopySettings { retries: Retries { times: 0, ..Retries::default() }, ..settings }
    }

    /// Copies one table by its `id`.
    pub fn copy(&self, name: &str) -> Copied {
        copied(execute(&self.settings(&[name])))
    }

    /// The error of a table that is not copied.
    pub fn error(&self, name: &str) -> IncrementalError {
        error(execute(&self.settings(&[name])))
    }

    /// Whether a table has the same rows on both sides.
    pub fn assert_same(&self, table: &str, columns: &str) {
        let sql = format!(
            "SELECT count(*), md5(string_agg(r::text, ',' ORDER BY r::text)) \
             FROM (SELECT {columns} FROM {table}) r"
        );
        assert_eq!(self.source.query(&sql), self.target.query(&sql));
    }

    /// Makes the COPY into a target table wait at the row with this `id` until the gate is dropped.
    pub fn stall(&self, table: &str, id: u64) -> Gate {
        self.target.execute(&format!(
            "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF NEW.id = {id} THEN PERFORM pg_advisory_xact_lock_shared({TRAP}); END IF; \
                 RETURN NEW; END $$; \
             CREATE TRIGGER stall BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION stall()"
        ));
        Gate::shut(&self.target, TRAP)
    }

    /// Waits until the copy waits at the row of [`Pair::stall`] and the source is blocked on
    /// sending more rows.
    pub fn wait_for_stall(&self) {
        self.target.wait_until(ONE_WAITS);
        self.source.wait_until(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND \
             query LIKE 'COPY (%' AND state = 'active' AND wait_event = 'ClientWrite')",
        );
    }
}

/// A table in `public` whose key is `id`.
pub fn table(name: &str) -> IncrementalTable {
    IncrementalTable { schema: "public".into(), name: name.into(), key: "id".into() }
}

pub fn target(url: &str) -> Target {
    let options = ConnectOptions { dbname: Some(url.to_owned()), ..ConnectOptions::default() };
    Target::resolve(&options, &|_| None).unwrap()
}

/// A run that is never stopped.
pub fn execute(settings: &CopySettings) -> Summary {
    execute_until(settings, &CancellationToken::new())
}

pub fn execute_until(settings: &CopySettings, stop: &CancellationToken) -> Summary {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run(settings, stop))
}

/// A run in another thread.
pub fn start(settings: CopySettings, stop: CancellationToken) -> thread::JoinHandle<Summary> {
    thread::spawn(move || execute_until(&settings, &stop))
}

/// The result of a run of one table.
pub fn copied(summary: Summary) -> Copied {
    let outcome = summary.tables.into_iter().next().unwrap();
    if let Some(error) = outcome.error {
        panic!("{}", chain(&error));
    }
    outcome.copied
}

/// The error of a run of one table.
pub fn error(summary: Summary) -> IncrementalError {
    let outcome = summary.tables.into_iter().next().unwrap();
    outcome.error.expect("the copy fails")
}

/// An error and its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
