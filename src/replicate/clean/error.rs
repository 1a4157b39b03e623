//! What can go wrong when objects are dropped.

use std::fmt;

use crate::report::units::plural;
use crate::target;

/// Why the target is not clean.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CleanError {
    /// The catalogue could not be read.
    #[error("cannot list what is to be dropped")]
    Catalogue(#[source] target::Error),
    /// A statement was refused.
    #[error("cannot drop {object}")]
    Drop {
        /// What was to be dropped, `table public.users`.
        object: String,
        /// Why not.
        #[source]
        source: target::Error,
    },
    /// Somebody uses an object for longer than was to be waited.
    #[error(
        "cannot drop {object}: {} is in use{}{}",
        .relation.as_deref().unwrap_or("it"),
        Holder::list(.holders),
        Gone(*.dropped)
    )]
    InUse {
        /// What was to be dropped.
        object: String,
        /// What is in use, where it is another relation: one that a key leads to, say.
        relation: Option<String>,
        /// Who has it, as far as can be seen.
        holders: Vec<Holder>,
        /// How many objects were dropped before this one.
        dropped: usize,
    },
    /// Dropping an object would have taken a part of a kept table; it was rolled back.
    #[error("dropping {object} would take a part of the kept tables along; it was not dropped")]
    TouchesKept {
        /// What was to be dropped.
        object: String,
    },
    /// Somebody asked to stop.
    #[error("stopped")]
    Stopped,
}

impl CleanError {
    /// Whether time may heal it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Catalogue(source) | Self::Drop { source, .. } => source.is_passing(),
            Self::InUse { .. } | Self::Stopped => true,
            Self::TouchesKept { .. } => false,
        }
    }

    /// What the server said, if it refused a statement.
    pub(super) fn server(&self) -> Option<&target::Error> {
        match self {
            Self::Catalogue(source) | Self::Drop { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The same, when so many objects are gone.
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

/// A session that holds a lock. What it runs is not told: there may be secrets in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process of the server.
    pub pid: String,
    /// Its role, if it may be seen.
    pub user: Option<String>,
    /// What it says it is.
    pub application: Option<String>,
    /// When its transaction began, as the server writes times.
    pub since: Option<String>,
}

impl Holder {
    /// ` by process 1 of a, process 2 of b`, to be put behind something that is in use.
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
                // pg_blocking_pids has no process for it.
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
