//! Restores into a new database next to the old one and renames it at the end, so that readers
//! never see an empty one.
//!
//! ```text
//! prepare    drops NAME_nocturne_previous, creates NAME_nocturne_next: settings of the server,
//!            privileges of the schema public, default privileges; no one else may connect
//! (restore into it, enrich it)
//! finish     copies comment, privileges, settings and connection limit of the old one;
//!            then, in one transaction: NAME becomes NAME_nocturne_previous,
//!                                      NAME_nocturne_next becomes NAME
//! abandon    drops NAME_nocturne_next
//! ```
//!
//! Renaming terminates the sessions on the old database; new ones wait for the milliseconds that it
//! takes. The old database is kept until the next run prepares a new one. [`recover`] runs at the
//! start of a run: it finishes a renaming that stopped halfway, for example a manual one.
//!
//! It needs a role that may create databases and owns the old one, disk space for two databases,
//! and no tables that are kept from night to night, because only the old database has those. If the
//! role lacks the permission, [`SwapError::NotPermitted`] is returned before anything is changed;
//! the alternative is to drop and restore in place.
//!
//! Other properties of a database are not copied: extensions that are neither in the archive nor in
//! the template, security labels. A database with a subscription or a replication slot is refused.

mod error;
mod names;
mod obstacles;
mod prepare;
mod properties;
mod rename;
mod server;

pub use error::SwapError;
pub use names::Names;
pub use prepare::{Leftover, left, permitted, prepare};
pub use rename::{Recovered, recover};

use crate::server::{Session, Target};
use server::SwapServer;

/// A new database that will replace the old one.
#[derive(Debug)]
pub struct Swap {
    server: SwapServer,
    names: Names,
    next: Target,
    /// The OID of the new database, because another run may create one of the same name.
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

    /// The properties that could not be copied to the new database so far, each with the reason.
    #[must_use]
    pub fn not_copied(&self) -> &[String] {
        &self.not_copied
    }

    /// Replaces the old database with the new one. Terminates all sessions on both: the caller
    /// should have closed its own on the new one, and a lock on the old one is lost.
    ///
    /// Returns the properties that could not be copied to the new database, each with the reason.
    ///
    /// # Errors
    /// [`SwapError::InUse`] if sessions of other roles cannot be terminated, and errors of the
    /// server. Both databases are then unchanged, and it can be retried. [`SwapError::Replaced`] if
    /// the new database is not the one that was prepared.
    pub async fn finish(&mut self) -> Result<Vec<String>, SwapError> {
        let session = self.session().await?;
        let mut not_copied = self.not_copied.clone();
        not_copied.extend(properties::complete(&self.server, &session, &self.names).await?);
        rename::swap(&self.server, &session, &self.names).await?;
        Ok(not_copied)
    }

    /// Drops the new database. The old one is unchanged.
    ///
    /// # Errors
    /// Errors of the server, and [`SwapError::Replaced`]: nothing is dropped then.
    pub async fn abandon(self) -> Result<(), SwapError> {
        let session = self.session().await?;
        server::drop_database(&session, &self.names.next).await
    }

    /// A session that locks these databases against other runs, after checking that the new one is
    /// still ours.
    async fn session(&self) -> Result<Session, SwapError> {
        let session = self.server.session().await?;
        if server::oid(&session, &self.names.next).await?.as_deref() == Some(&self.oid) {
            return Ok(session);
        }
        Err(SwapError::Replaced { database: self.names.next.clone() })
    }
}
