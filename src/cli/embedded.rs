//! `nocturne restore --embedded`: the restore's own temporary server.

use super::exit::{CONNECT, CommandFailure, CommandResult, ERRORS};
use super::options::{Restore, TargetOptions};
use super::shared::threads::interrupted;
use super::shared::{output, say};
use crate::embedded::{Embedded, EmbeddedOptions};
use crate::error::chain;
use crate::report::LogFormat;
use crate::restore::RestoreOptions;
use crate::restore::event::{Event, Events};
use crate::restore::roles_needed;
use crate::select::Selection;
use crate::server::{ConnectOptions, Session, SessionSettings, Target};
use crate::source::Archive;
use crate::sql::ident::quoted;

/// The server, with the target database.
pub(super) struct EmbeddedServer {
    embedded: Embedded,
    database: String,
    kept: bool,
    log_format: LogFormat,
}

impl EmbeddedServer {
    /// Starts a server and creates what an archive expects to exist: its database and roles.
    pub(super) async fn start(
        typed: &Restore,
        archive: &Archive,
        selection: &Selection,
        options: &RestoreOptions,
        events: &Events,
    ) -> Result<(Self, Target), CommandFailure> {
        let data_dir = typed.place.keep.clone();
        let kept = data_dir.is_some();
        events.send(Event::Step { what: "starting a temporary PostgreSQL server".to_owned() });
        let start = move || {
            let settings = vec![
                // Publications and subscriptions need it; nothing here needs a lower level.
                ("wal_level".to_owned(), "logical".to_owned()),
                ("max_wal_size".to_owned(), "4GB".to_owned()),
            ];
            let options =
                EmbeddedOptions { data_dir, durable: kept, settings, ..Default::default() };
            Embedded::start(&options)
        };
        let embedded = tokio::task::spawn_blocking(start)
            .await
            .map_err(|error| CommandFailure::of(ERRORS, &error))?
            .map_err(|error| CommandFailure::of(CONNECT, &error))?;
        let dbname = archive.toc.header.dbname.as_str();
        let database = if typed.place.create || dbname.is_empty() { "postgres" } else { dbname };
        let admin = target(&embedded.url("postgres"))?;
        let session = Session::connect(&admin, &SessionSettings::default())
            .await
            .map_err(|error| CommandFailure::of(CONNECT, &error))?;
        for role in roles_needed(&archive.toc, selection, &options.style).keys() {
            // An existing role is just as good.
            let _ = session.execute(&format!("CREATE ROLE {}", quoted(role))).await;
        }
        if database != "postgres" {
            let sql = format!("CREATE DATABASE {} TEMPLATE template0", quoted(database));
            session.execute(&sql).await.map_err(|error| CommandFailure::of(ERRORS, &error))?;
        }
        let url = embedded.url(database);
        let what = format!("PostgreSQL {} is ready: {url}", embedded.version());
        events.send(Event::Step { what });
        let target = target(&url)?;
        // With --create, the data is in the database that the restore creates.
        let shown = if dbname.is_empty() { "postgres" } else { dbname };
        let log_format = typed.reporting.log_format;
        Ok((Self { embedded, database: shown.to_owned(), kept, log_format }, target))
    }

    /// Runs the user's query, then keeps the server until interrupted, or stops it at once.
    pub(super) async fn stay(
        self,
        place: &TargetOptions,
        mut outcome: CommandResult,
    ) -> CommandResult {
        let interrupted_already =
            matches!(&outcome, Err(failure) if failure.code == super::exit::INTERRUPTED);
        if let Some(sql) = place.query.as_deref().filter(|_| !interrupted_already) {
            let answered = self.answer(sql).await;
            outcome = outcome.and(answered);
        }
        if !place.exit && !interrupted_already {
            let url = self.embedded.url(&self.database);
            match self.log_format {
                LogFormat::Text => {
                    say(&format!(
                        "\nThe server runs until you press Ctrl-C:\n\n    psql '{url}'\n"
                    ));
                }
                LogFormat::Json => tracing::info!(url, "the server runs until interrupted"),
            }
            interrupted().await;
        }
        let kept = self.kept.then(|| self.embedded.data_dir().display().to_string());
        let log_format = self.log_format;
        let stopped = tokio::task::spawn_blocking(move || self.embedded.stop()).await;
        match stopped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return outcome.and(Err(CommandFailure::of(ERRORS, &error))),
            Err(error) => return outcome.and(Err(CommandFailure::of(ERRORS, &error))),
        }
        if let Some(kept) = kept {
            match log_format {
                LogFormat::Text => say(&format!("Kept the data directory {kept}.")),
                LogFormat::Json => tracing::info!(kept, "kept the data directory"),
            }
        }
        outcome
    }

    /// Writes a query's rows to standard output, like unaligned psql output with tabs.
    async fn answer(&self, sql: &str) -> CommandResult {
        let failure = |error| CommandFailure::new(ERRORS, format!("--query: {}", chain(&error)));
        let target = target(&self.embedded.url(&self.database))?;
        let session =
            Session::connect(&target, &SessionSettings::default()).await.map_err(failure)?;
        // Sessions have an empty search_path, as in pg_restore; a user's query needs the default.
        session.execute("RESET search_path").await.map_err(failure)?;
        let rows = session.query_text(sql).await.map_err(failure)?;
        let lines = rows.into_iter().map(|row| {
            let cells: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
            cells.join("\t") + "\n"
        });
        output::write(None, lines.collect::<String>().as_bytes())
    }
}

fn target(url: &str) -> Result<Target, CommandFailure> {
    let options = ConnectOptions { dbname: Some(url.to_owned()), ..ConnectOptions::default() };
    // The server is ours: the user's environment does not apply to it.
    Target::resolve(&options, &|_| None).map_err(|error| CommandFailure::of(CONNECT, &error))
}
