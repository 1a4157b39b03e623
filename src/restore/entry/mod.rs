//! Restores the entries of an archive one by one, and what precedes and follows them.

pub(crate) mod analyze;
pub(crate) mod clean;
pub(crate) mod data;
pub(crate) mod failures;
pub(crate) mod foreign_keys;
pub(crate) mod orphans;
pub(crate) mod preflight;
pub(crate) mod steps;
pub(crate) mod with_oids;
pub(crate) mod work;
