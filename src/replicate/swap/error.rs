//! Why the databases could not be swapped.

use super::super::clean::Holder;
use crate::server;

/// Why the databases could not be swapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwapError {
    /// The role lacks the permission.
    #[error("cannot replace \"{database}\" with a new database: {why}")]
    NotPermitted {
        /// The old database.
        database: String,
        /// The reason.
        why: String,
    },
    /// Other roles own objects in the old database that the new one would not have.
    #[error(
        "cannot replace \"{database}\": other roles own {objects}, which the new database would \
         not have; move them to another database, create them in the enrichment or a hook, drop \
         them, or set SWAP_DROPS_OTHERS=true"
    )]
    OfOthers {
        /// The old database.
        database: String,
        /// The objects, the first ones by name.
        objects: String,
    },
    /// No session could be opened to create and rename databases.
    #[error("cannot open a session to create and rename databases")]
    Connect(#[source] server::Error),
    /// The server rejected a statement.
    #[error("cannot {what}")]
    Refused {
        /// The failed action.
        what: String,
        /// The server's error.
        #[source]
        source: server::Error,
    },
    /// The new database is not the one that was restored into.
    #[error("another run has dropped or re-created the new database \"{database}\"")]
    Replaced {
        /// The database.
        database: String,
    },
    /// Sessions that cannot be terminated are connected.
    #[error("cannot rename \"{database}\": it is in use{}", Holder::list(.holders))]
    InUse {
        /// The database.
        database: String,
        /// The sessions connected to it, as far as visible.
        holders: Vec<Holder>,
        /// The server's error.
        #[source]
        source: server::Error,
    },
}

impl SwapError {
    pub(super) fn refused(what: impl Into<String>) -> impl FnOnce(server::Error) -> Self {
        let what = what.into();
        move |source| Self::Refused { what, source }
    }

    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NotPermitted { .. } | Self::OfOthers { .. } => false,
            Self::InUse { .. } | Self::Replaced { .. } => true,
            Self::Connect(source) | Self::Refused { source, .. } => source.is_passing(),
        }
    }
}
