//! Why the databases could not be swapped.

use super::super::clean::Holder;
use crate::server::{self, Retry};
use crate::sql::ident::quoted;

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
    /// Other roles own objects in the database of the previous night that no check saw.
    #[error(
        "cannot drop \"{database}\": other roles own {objects}, not recorded when it was replaced \
         (hint: move them to another database, or DROP DATABASE {}; or set \
         SWAP_DROPS_OTHERS=true)",
        quoted(.database)
    )]
    AddedToPrevious {
        /// The database of the previous night.
        database: String,
        /// The objects, the first ones by name.
        objects: String,
    },
    /// The database of the previous night does not accept the role's connections.
    #[error(
        "cannot check \"{database}\" for objects of other roles before it is dropped (hint: DROP \
         DATABASE {}, or let the role connect to it)",
        quoted(.database)
    )]
    Unseen {
        /// The database of the previous night.
        database: String,
        /// The server's error.
        #[source]
        source: server::SessionError,
    },
    /// Sessions use the template, which can then not be copied.
    #[error(
        "cannot copy \"{template}\" (SWAP_TEMPLATE): it is in use{} (hint: end its sessions, and keep \
         the template for SWAP alone)",
        Holder::list(.holders)
    )]
    TemplateInUse {
        /// The template.
        template: String,
        /// The sessions connected to it, as far as visible.
        holders: Vec<Holder>,
        /// The server's error.
        #[source]
        source: Box<server::SessionError>,
    },
    /// No session could be opened to create and rename databases.
    #[error("cannot open a session to create and rename databases")]
    Connect(#[source] server::SessionError),
    /// The server rejected a statement.
    #[error("cannot {what}")]
    Refused {
        /// The failed action.
        what: String,
        /// The server's error.
        #[source]
        source: server::SessionError,
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
        source: server::SessionError,
    },
}

impl SwapError {
    pub(super) fn refused(what: impl Into<String>) -> impl FnOnce(server::SessionError) -> Self {
        let what = what.into();
        move |source| Self::Refused { what, source }
    }

    /// Whether, and how, it is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::NotPermitted { .. } | Self::OfOthers { .. } | Self::AddedToPrevious { .. } => {
                Retry::Never
            }
            Self::InUse { .. } | Self::TemplateInUse { .. } | Self::Replaced { .. } => {
                Retry::LaterAttempt
            }
            Self::Connect(source) | Self::Refused { source, .. } | Self::Unseen { source, .. } => {
                source.retry()
            }
        }
    }
}
