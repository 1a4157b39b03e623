//! Archives of every pg_dump from 15 to 18: they are read, and no damage goes undetected.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

mod cases;
mod damage;
mod fixtures;
mod matrix;
mod whole;
