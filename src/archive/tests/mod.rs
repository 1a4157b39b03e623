//! Archives written by hand or at random, and read back.

mod models;
mod round_trip;
pub(crate) mod writer;
