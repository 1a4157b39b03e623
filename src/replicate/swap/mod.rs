//! A new database beside the old one, renamed at the end: readers never see an empty one.
//!
//! ```text
//! prepare    drops NAME_nocturne_previous, creates NAME_nocturne_next: settings of the server,
//!            privileges of the schema public, default privileges; nobody else may connect
//! (restore into it, enrich it)
//! finish     comment, privileges, settings and limit of the old one;
//!            then, in one transaction: NAME becomes NAME_nocturne_previous,
//!                                      NAME_nocturne_next becomes NAME
//! abandon    drops NAME_nocturne_next
//! ```
//!
//! Sessions on the old database are ended by the renaming; new ones wait for it, which takes
//! milliseconds. The old database stays until the next run prepares its own. [`recover`] is for
//! the start of a run: it finishes a renaming that was left halfway, by hand say.
//!
//! It needs a role that may create databases and that owns the old one, two databases' room on the
//! disk, and no tables that are kept from night to night: those are in the old database only.
//! Where the role may not, [`SwapError::NotPermitted`] says so before anything is changed, and the
//! ordinary way is left: drop, and restore in place.
//!
//! What a database has beside all that is not copied: extensions that neither the archive nor the
//! template has, subscriptions, security labels.

mod error;
mod names;
mod prepare;
mod properties;
mod rename;
mod server;

pub use error::SwapError;
pub use names::Names;
pub use prepare::{Leftover, left, permitted, prepare};
pub use rename::{Recovered, recover};

use crate::target::{Session, Target};
use server::Server;

/// A new database that is to take the place of the old one.
#[derive(Debug)]
pub struct Swap {
    server: Server,
    names: Names,
    next: Target,
    /// The OID of the new database: another run may make one of the same name.
    oid: String,
    not_copied: Vec<String>,
}

impl Swap {
    /// The new database.
    #[must_use]
    pub fn next(&self) -> &Target {
        &self.next
    }

    /// The databases' names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What the new database could not be given, each with the reason, so far.
    #[must_use]
    pub fn not_copied(&self) -> &[String] {
        &self.not_copied
    }

    /// Puts the new database in the place of the old one. All sessions on both are ended; so the
    /// caller's own on the new one should be over, and a lock on the old one is gone afterwards.
    ///
    /// Gives what the new database could not be given, each with the reason.
    ///
    /// # Errors
    /// [`SwapError::InUse`] when sessions of other roles cannot be ended, and what the server
    /// refuses. Both databases are then what they were, and it may be tried again.
    /// [`SwapError::Replaced`] when the new database is not the one that was prepared.
    pub async fn finish(&mut self) -> Result<Vec<String>, SwapError> {
        let session = self.session().await?;
        let mut not_copied = self.not_copied.clone();
        not_copied.extend(properties::complete(&self.server, &session, &self.names).await?);
        rename::swap(&self.server, &session, &self.names).await?;
        Ok(not_copied)
    }

    /// Drops the new database. The old one is as it was.
    ///
    /// # Errors
    /// What the server refuses, and [`SwapError::Replaced`]: then nothing is dropped.
    pub async fn abandon(self) -> Result<(), SwapError> {
        let session = self.session().await?;
        server::drop_database(&session, &self.names.next).await
    }

    /// A session that keeps others from these databases, when the new one is still ours.
    async fn session(&self) -> Result<Session, SwapError> {
        let session = self.server.session().await?;
        if server::oid(&session, &self.names.next).await?.as_deref() == Some(&self.oid) {
            return Ok(session);
        }
        Err(SwapError::Replaced { database: self.names.next.clone() })
    }
}
