//! The incremental copy between real databases: it copies new rows and nothing else, completely or
//! not at all, whichever side dies.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

#[path = "incremental/command.rs"]
mod command;
mod common;
#[path = "incremental/deaths.rs"]
mod deaths;
#[path = "incremental/definitions.rs"]
mod definitions;
#[path = "incremental/keys.rs"]
mod keys;
#[path = "incremental/late.rs"]
mod late;
#[path = "incremental/pair.rs"]
mod pair;
#[path = "incremental/partitions.rs"]
mod partitions;
#[path = "incremental/ranges.rs"]
mod ranges;
#[path = "incremental/refusals.rs"]
mod refusals;
#[path = "incremental/values.rs"]
mod values;
