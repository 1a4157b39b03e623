//! nocturne.

pub mod archive;
pub mod cli;
pub mod embedded;
pub mod plan;
pub mod report;
pub mod restore;
pub mod rows;
pub mod select;
pub mod source;
pub mod sql;
pub mod target;
pub mod verify;
