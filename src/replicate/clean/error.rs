//! Errors of dropping objects.

use std::fmt;

use crate::report::units::plural;
use crate::server::{self, Retry};

/// Why the target could not be cleaned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CleanError {
    /// The catalog could not be read.
    #[error("cannot list the objects to drop")]
    Catalogue(#[source] server::SessionError),
    /// A statement failed.
    #[error("cannot drop {object}")]
    Drop {
        /// The object to drop, as `table public.users`.
        object: String,
        /// Why.
        #[source]
        source: server::SessionError,
    },
    /// An object stayed in use for longer than the timeout.
    #[error(
        "cannot drop {object}: {} is in use{}{}",
        .relation.as_deref().unwrap_or("it"),
        Holder::list(.holders),
        Gone(*.dropped)
    )]
    InUse {
        /// The object to drop.
        object: String,
        /// The relation in use, if it is another one, for example the target of a foreign key.
        relation: Option<String>,
        /// The sessions that hold locks, as far as visible.
        holders: Vec<Holder>,
        /// How many objects were dropped before this one.
        dropped: usize,
    },
    /// Dropping an object would have dropped a part of a kept table; it was rolled back.
    #[error("{object} was not dropped, because a part of a kept table depends on it")]
    TouchesKept {
        /// The object to drop.
        object: String,
    },
    /// The run was asked to stop.
    #[error("stopped")]
    Stopped,
}

impl CleanError {
    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Catalogue(source) | Self::Drop { source, .. } => source.retry(),
            Self::InUse { .. } | Self::Stopped => Retry::LaterAttempt,
            Self::TouchesKept { .. } => Retry::Never,
        }
    }

    /// The server's error, if a statement failed.
    pub(super) fn server(&self) -> Option<&server::SessionError> {
        match self {
            Self::Catalogue(source) | Self::Drop { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The same error, after this number of objects was dropped.
    pub(super) fn after(mut self, objects: usize) -> Self {
        if let Self::InUse { dropped, .. } = &mut self {
            *dropped = objects;
        }
        self
    }
}

/// How many objects were dropped before the one that could not be.
struct Gone(usize);

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("; nothing was dropped"),
            count => write!(f, "; {} dropped before it", plural(count as u64, "object", "objects")),
        }
    }
}

/// A session that holds a lock. Its query is not shown, because it may contain secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The backend process.
    pub pid: String,
    /// Its role, if visible.
    pub user: Option<String>,
    /// Its application_name.
    pub application: Option<String>,
    /// When its transaction started, in the server's format.
    pub since: Option<String>,
}

impl Holder {
    /// ` by process 1 of a, process 2 of b`, to append to the name of a relation in use.
    pub(in crate::replicate) fn list(holders: &[Self]) -> impl fmt::Display {
        Holders(holders)
    }
}

struct Holders<'a>(&'a [Holder]);

impl fmt::Display for Holders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, holder) in self.0.iter().enumerate() {
            let Holder { pid, user, application, since } = holder;
            f.write_str(if number == 0 { " by " } else { ", " })?;
            match pid.as_str() {
                // pg_blocking_pids reports process 0 for it.
                "0" => f.write_str("a prepared transaction (see pg_prepared_xacts)")?,
                pid => write!(f, "process {pid}")?,
            }
            if let Some(user) = user {
                write!(f, " of {user}")?;
            }
            if let Some(application) = application {
                write!(f, " ({application})")?;
            }
            if let Some(since) = since {
                write!(f, " since {since}")?;
            }
        }
        Ok(())
    }
}
