//! Archives of every pg_dump from 15 to 18: that they are read, and that no damage goes unnoticed.

// Its helpers are tests as well, where a broken expectation may panic.
#![allow(clippy::unwrap_used)]

mod cases;
mod damage;
mod fixtures;
mod matrix;
mod whole;
