//! Archives of every pg_dump from 15 to 18: that they are read, and that no damage goes unnoticed.

// Helpers of tests are tests, which clippy does not see.
#![allow(clippy::unwrap_used)]

mod cases;
mod damage;
mod fixtures;
mod matrix;
mod whole;
