//! `nocturne web`: the web process.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::exit::{CommandFailure, CommandResult, ERRORS};
use super::options::Web as Typed;
use super::shared::night::{history, start_log};
use super::shared::threads::until_signal;
use crate::replicate::config::Config;
use crate::replicate::web::{Site, Token, router, serve};
use crate::replicate::worker::SystemClock;
use crate::report::Verbosity;

/// Runs the command.
pub(super) fn run(typed: &Typed) -> CommandResult {
    let config = typed.settings.config()?;
    start_log(&config, Verbosity::from_flags(typed.quiet, typed.verbose))?;
    until_signal(0, |stop| async move {
        // The host's router can use any address of the process.
        let address = (Ipv4Addr::UNSPECIFIED, config.web.port.unwrap_or_default());
        let failed = |error: std::io::Error| {
            CommandFailure::new(ERRORS, format!("cannot listen on port {}: {error}", address.1))
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        let site = site(&config);
        let pages = if site.is_some() { "with" } else { "without" };
        tracing::info!(
            "nocturne {} web listening on {at}, {pages} a status page",
            env!("CARGO_PKG_VERSION")
        );
        serve(listener, router(site), stop).await.map_err(failed)
    })
}

/// The pages about runs, if a token protects them.
fn site(config: &Config) -> Option<Site> {
    let token = config.web.status_token.as_ref()?;
    Some(Site {
        token: Token::new(token),
        history: history(config),
        schedule: config.schedule.clone(),
        zone: config.zone,
        app: config.app.clone(),
        clock: Arc::new(SystemClock),
    })
}
