//! `nocturne restore --embedded`: the restore's own throw-away server.

use super::args::{Place, Restore};
use super::exit::{CONNECT, ERRORS, Failure, Outcome, interrupted};
use super::{list, say};
use crate::embedded::{Embedded, EmbeddedOptions};
use crate::report::LogFormat;
use crate::restore::event::{Event, Events};
use crate::restore::{RestoreOptions, chain, roles_needed};
use crate::select::Selection;
use crate::source::Archive;
use crate::sql::ident::quoted;
use crate::target::{ConnectOptions, Session, SessionSettings, Target};

/// The server, with the database that is restored into.
pub(super) struct Server {
    embedded: Embedded,
    database: String,
    kept: bool,
    log_format: LogFormat,
}

impl Server {
    /// Starts a server and makes what an archive takes for granted: its database, its roles.
    pub(super) async fn start(
        typed: &Restore,
        archive: &Archive,
        selection: &Selection,
        options: &RestoreOptions,
        events: &Events,
    ) -> Result<(Self, Target), Failure> {
        let data_dir = typed.place.keep.clone();
        let kept = data_dir.is_some();
        events.send(Event::Step { what: "starting a throw-away PostgreSQL".to_owned() });
        let start = move || {
            let settings = vec![
                // Publications and subscriptions need it; nothing here needs less.
                ("wal_level".to_owned(), "logical".to_owned()),
                ("max_wal_size".to_owned(), "4GB".to_owned()),
            ];
            let options =
                EmbeddedOptions { data_dir, durable: kept, settings, ..Default::default() };
            Embedded::start(&options)
        };
        let embedded = tokio::task::spawn_blocking(start)
            .await
            .map_err(|error| Failure::of(ERRORS, &error))?
            .map_err(|error| Failure::of(CONNECT, &error))?;
        let dbname = archive.toc.header.dbname.as_str();
        let database = if typed.place.create || dbname.is_empty() { "postgres" } else { dbname };
        let admin = target(&embedded.url("postgres"))?;
        let session = Session::connect(&admin, &SessionSettings::default())
            .await
            .map_err(|error| Failure::of(CONNECT, &error))?;
        for role in roles_needed(&archive.toc, selection, &options.style).keys() {
            // One that is there already is as good.
            let _ = session.execute(&format!("CREATE ROLE {}", quoted(role))).await;
        }
        if database != "postgres" {
            let sql = format!("CREATE DATABASE {} TEMPLATE template0", quoted(database));
            session.execute(&sql).await.map_err(|error| Failure::of(ERRORS, &error))?;
        }
        let url = embedded.url(database);
        events
            .send(Event::Step { what: format!("PostgreSQL {} is up: {url}", embedded.version()) });
        let target = target(&url)?;
        // With --create, what is worth looking at is in the database that the restore makes.
        let shown = if dbname.is_empty() { "postgres" } else { dbname };
        let log_format = typed.reporting.log_format;
        Ok((Self { embedded, database: shown.to_owned(), kept, log_format }, target))
    }

    /// Answers the user's query, then keeps the server until the user has seen enough, or stops it
    /// at once.
    pub(super) async fn stay(self, place: &Place, mut outcome: Outcome) -> Outcome {
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
                        "\nThe server stays until you press Ctrl-C:\n\n    psql '{url}'\n"
                    ));
                }
                LogFormat::Json => tracing::info!(url, "the server stays until interrupted"),
            }
            interrupted().await;
        }
        let kept = self.kept.then(|| self.embedded.data_dir().display().to_string());
        let log_format = self.log_format;
        let stopped = tokio::task::spawn_blocking(move || self.embedded.stop()).await;
        match stopped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return outcome.and(Err(Failure::of(ERRORS, &error))),
            Err(error) => return outcome.and(Err(Failure::of(ERRORS, &error))),
        }
        if let Some(kept) = kept {
            match log_format {
                LogFormat::Text => say(&format!("The data directory stays in {kept}.")),
                LogFormat::Json => tracing::info!(kept, "the data directory stays"),
            }
        }
        outcome
    }

    /// Writes a query's rows on standard output, as psql does unaligned and with tabs.
    async fn answer(&self, sql: &str) -> Outcome {
        let failure = |error| Failure::new(ERRORS, format!("--query: {}", chain(&error)));
        let target = target(&self.embedded.url(&self.database))?;
        let session =
            Session::connect(&target, &SessionSettings::default()).await.map_err(failure)?;
        // Sessions find nothing by unqualified names, as pg_restore's; a query is a person's.
        session.execute("RESET search_path").await.map_err(failure)?;
        let rows = session.query_text(sql).await.map_err(failure)?;
        let lines = rows.into_iter().map(|row| {
            let cells: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
            cells.join("\t") + "\n"
        });
        list::write(None, lines.collect::<String>().as_bytes())
    }
}

fn target(url: &str) -> Result<Target, Failure> {
    let options = ConnectOptions { dbname: Some(url.to_owned()), ..ConnectOptions::default() };
    // The server is ours: nothing of the user's environment is about it.
    Target::resolve(&options, &|_| None).map_err(|error| Failure::of(CONNECT, &error))
}
