//! Checks an archive: `nocturne verify`.
//!
//! [`verify`] reads all of an archive and checks its integrity, without a server. [`compare`]
//! compares the archive's data with a database's.

mod archive;
mod database;

pub use archive::{Count, EntryReport, VerifyOptions, VerifyProgress, VerifyReport, verify};
pub(crate) use database::sequence_value;
pub use database::{
    CompareError, CompareOptions, Compared, ComparedKind, Comparison, Verdict, compare,
};

/// A number and its noun.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
