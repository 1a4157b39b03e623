//! What `fuzz/` calls: each function reads any bytes and must come back without a panic, and some
//! check what they got.
//!
//! Part of the crate only with the feature `fuzzing`, and in its own tests, which replay the
//! corpus of each target and changes of it (`corpus.rs`).

mod archives;
#[cfg(test)]
mod corpus;
mod rows;
mod settings;
mod sql;

pub use archives::{custom, directory, file, tar, toc};
pub use rows::{codecs, copy_text};
pub use settings::{cron, lists, logs, variables};
pub use sql::{definitions, inserts, script};
