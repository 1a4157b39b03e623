//! Sizes: many entries, wide fields, large tables, in bounded memory; and damage to the data of
//! one table, which must not affect the others.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "limits/damage.rs"]
mod damage;
#[path = "limits/memory.rs"]
mod memory;
#[path = "limits/replaced_system.rs"]
mod replaced_system;
#[path = "limits/writer.rs"]
mod writer;
