//! Why databases are not swapped.

use super::super::clean::Holder;
use crate::target;

/// Why databases are not swapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwapError {
    /// The role may not do it, now or ever.
    #[error("a new database cannot take the place of \"{database}\": {why}")]
    NotPermitted {
        /// The old database.
        database: String,
        /// The reason.
        why: String,
    },
    /// Other roles own objects in the old database, which the new one would not have.
    #[error(
        "cannot replace \"{database}\": other roles own {objects}, which the new database would not \
         have; move them to another database, make them in the enrichment or a hook, drop them, or \
         set SWAP_DROPS_OTHERS=true"
    )]
    OfOthers {
        /// The old database.
        database: String,
        /// The objects, the first ones by name.
        objects: String,
    },
    /// No session could be had for the work on databases.
    #[error("no session to create and rename databases")]
    Connect(#[source] target::Error),
    /// The server refused something.
    #[error("cannot {what}")]
    Refused {
        /// What was to be done.
        what: String,
        /// What the server said.
        #[source]
        source: target::Error,
    },
    /// The new database is not the one that was restored into.
    #[error("another run has dropped the new database \"{database}\", or made it anew")]
    Replaced {
        /// The database.
        database: String,
    },
    /// Sessions that cannot be ended are in the way.
    #[error("cannot rename \"{database}\": it is in use{}", Holder::list(.holders))]
    InUse {
        /// The database.
        database: String,
        /// Who is connected to it, as far as can be seen.
        holders: Vec<Holder>,
        /// What the server said.
        #[source]
        source: target::Error,
    },
}

impl SwapError {
    pub(super) fn refused(what: impl Into<String>) -> impl FnOnce(target::Error) -> Self {
        let what = what.into();
        move |source| Self::Refused { what, source }
    }

    /// Whether time may heal it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NotPermitted { .. } | Self::OfOthers { .. } => false,
            Self::InUse { .. } | Self::Replaced { .. } => true,
            Self::Connect(source) | Self::Refused { source, .. } => source.is_passing(),
        }
    }
}
