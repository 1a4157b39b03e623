//! Archives and entries made for tests, of this and the other modules; and what the reader makes of
//! them.

pub(crate) mod entry;
mod models;
mod round_trip;
pub(crate) mod writer;
