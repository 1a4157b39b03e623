//! The web process: health, and a page of the last and the next runs.
//!
//! | path | who | what |
//! |---|---|---|
//! | `/`, `/healthz` | everybody | the program's name and version |
//! | `/status` | who has the token | the last runs, the next ones, a timeline |
//! | `/metrics` | who has the token | the same for Prometheus |
//!
//! The host demands that a `web` process answers after a deployment, and nothing more. So nothing
//! about the data is shown unless `STATUS_TOKEN` is set, and then only to who brings it: as
//! `Authorization: Bearer`, or as `?token=` for a browser. To all others the pages do not exist.
//!
//! The page has no script and loads nothing from elsewhere; the browser is told to allow neither.

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
