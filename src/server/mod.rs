//! PostgreSQL sessions: where and how to connect, and the operations a restore needs.
//!
//! This is the only module that names `tokio_postgres`; everything above it uses a [`Target`], a
//! [`Session`], a [`CopyIn`], a [`CopyOut`] and [`LargeObjects`].
//!
//! ```text
//! ConnectOptions + environment ──▶ params ──▶ Target ──▶ connect ──▶ Session
//!   conninfo: URI, key=value         host       in turn    wire, tls     ├─ execute, query_text
//!   keyword:  what libpq knows       pgpass                driver        ├─ copy: CopyIn, CopyOut
//!                                                                        └─ large_object
//! ```
//!
//! Connection parameters have libpq's meaning (PostgreSQL documentation, chapter "Database
//! Connection Control Functions"), so that a command line that works with `pg_restore` works here.
//! Parameters that cannot be honoured are refused by name, never silently dropped, unless ignoring
//! them is harmless.

mod backend;
mod bookkeeping;
mod client_encoding;
mod command_tag;
mod connect;
mod conninfo;
mod copy;
mod copy_out;
mod driver;
mod dump_settings;
mod error;
mod hint;
mod host;
mod keyword;
mod large_object;
mod last_words;
pub(crate) mod life;
mod notice;
mod params;
mod patience;
mod pgpass;
mod prompt;
mod refused_copy;
mod require_auth;
mod retry;
mod service;
mod session;
pub mod sqlstate;
mod tls;
mod transaction;
#[cfg_attr(not(feature = "replicate"), allow(dead_code))]
mod trusted;
#[cfg(feature = "replicate")]
mod untrusted;
mod watch;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use backend::Backend;
pub(crate) use bookkeeping::{AdvisoryLock, LOCKS, LockSharing, USED_EVERY};
pub use bookkeeping::{BOOKKEEPING, has_bookkeeping, has_record, make_bookkeeping};
pub use connect::Target;
pub(crate) use conninfo::concealed;
pub use copy::CopyIn;
pub use copy_out::CopyOut;
pub(crate) use dump_settings::dump_settings;
pub use error::{Result, ServerError, SessionError};
pub use large_object::LargeObjects;
pub use notice::{Notice, Notices};
pub use params::{ConnectOptions, PasswordPrompt};
pub use patience::{PATIENCE, once_ready};
pub(crate) use patience::{WhileItWorks, reconnecting};
pub use retry::Retry;
pub use session::{CancelHandle, Session, SessionSettings};
pub use sqlstate::Class;
pub use tls::SslMode;
pub use transaction::{NotDone, TransactionId, TransactionOutcome};
pub(crate) use trusted::{MEMBERS, MEMBERSHIPS, TRUSTED};
#[cfg(feature = "replicate")]
pub(crate) use untrusted::{PG_CLASS, UntrustedCode, UntrustedUses};
pub use watch::TransactionStatus;
