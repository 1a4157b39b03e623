//! The web process: health checks, and a status page of past and upcoming runs.
//!
//! | path | access | content |
//! |---|---|---|
//! | `/`, `/healthz` | public | the program's name and version |
//! | `/status` | with the token | past and upcoming runs, a timeline |
//! | `/metrics` | with the token | the same for Prometheus |
//!
//! The host only requires that a `web` process responds after a deployment. So nothing about the
//! data is shown unless `STATUS_TOKEN` is set, and then only to requests that present it: as
//! `Authorization: Bearer`, or as `?token=` in a browser. All other requests get 404.
//!
//! The page has no script and loads nothing from other sites; its headers forbid both.

mod bars;
mod metrics;
mod page;
mod router;
mod server;
mod token;
mod words;

#[cfg(test)]
mod tests;

pub use router::{Site, router};
pub use server::serve;
pub use token::Token;
