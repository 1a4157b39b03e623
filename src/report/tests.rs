//! What the tests of several readers have in common.

use std::time::Duration;

use crate::restore::event::EntryRef;

/// A time since the start of the run.
pub(super) fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// An entry in schema `public`.
pub(super) fn entry(dump_id: i32, desc: &str, name: &str) -> EntryRef {
    EntryRef { dump_id, desc: desc.into(), schema: Some("public".into()), name: name.into() }
}
