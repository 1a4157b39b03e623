//! nocturne.

pub mod archive;
pub mod cli;
pub mod embedded;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod plan;
pub mod report;
pub mod restore;
pub mod rows;
pub mod select;
pub mod source;
pub mod sql;
pub mod target;
pub mod verify;
