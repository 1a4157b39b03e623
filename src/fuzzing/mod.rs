//! Entry points for `fuzz/`: each function reads arbitrary bytes and must return without a panic;
//! some also check the result.
//!
//! Compiled only with the feature `fuzzing` and for tests, which replay the corpus of each target
//! and mutations of it (`corpus.rs`).

mod archives;
#[cfg(test)]
#[cfg(feature = "replicate")]
mod corpus;
mod rows;
#[cfg(feature = "replicate")]
mod settings;
mod sql;

pub use archives::{custom, directory, file, tar, toc};
pub use rows::{codecs, copy_text};
#[cfg(feature = "replicate")]
pub use settings::{cron, lists, logs, variables};
pub use sql::{definitions, inserts, script};
