//! Scalingo's API: from an app name to the address of a backup.
//!
//! The chain of calls, as the host's public clients make them (go-scalingo: `tokens.go`,
//! `addons.go`, `backups.go`, `http/`; developers.scalingo.com):
//!
//! | call | with | gives |
//! |---|---|---|
//! | `POST AUTH/v1/tokens/exchange` | the API token, as the password of an empty user name | a
//! bearer token for an hour |
//! | `GET API/v1/apps/APP/addons` | the bearer token | the add-ons; the database is one |
//! | `POST API/v1/apps/APP/addons/ID/token` | the bearer token | a token of the add-on, for an hour |
//! | `GET DB/api/databases/ID/backups` | the add-on's token | the backups, with their states |
//! | `GET DB/api/databases/ID/backups/B/archive` | the add-on's token | a signed address |
//!
//! `AUTH` is `https://auth.scalingo.com`; `API` and `DB` are `https://api.REGION.scalingo.com` and
//! `https://db-api.REGION.scalingo.com`. A database's ID is that of its add-on. Neither list is
//! paginated.
//!
//! - [`Client`] makes this chain of calls. Tokens are cached until shortly before they expire
//!   (`token`); a rejected one is renewed once.
//! - `api` is one call, with retries: temporary errors (network, 429, 5xx) are retried, others
//!   (401, 403, 404, 422) are returned at once ([`ApiError`]).
//! - [`choose`] picks a backup from the list; if none is suitable, its error describes the newest
//!   ones.

mod answers;
mod api;
pub mod choose;
mod client;
mod error;
mod token;

pub use answers::{Backup, BackupStatus};
pub use api::ApiPatience;
pub use choose::{Choice, ChooseError};
pub use client::{Client, Endpoints, ScalingoOptions};
pub use error::{ApiError, ApiStep, ScalingoError};
