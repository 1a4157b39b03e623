//! The data of an archive that arrives as a stream, until a session reads it.

pub(crate) mod feed;
pub(crate) mod read_ahead;
