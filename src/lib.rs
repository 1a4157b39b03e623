//! nocturne.

pub mod archive;
pub mod restore;
pub mod sql;
