//! The incremental copy between real databases: what is new and nothing else, whole or not at
//! all, whoever dies.

// Its helpers are tests as well, where a broken expectation may panic.
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
#[path = "incremental/ranges.rs"]
mod ranges;
#[path = "incremental/refusals.rs"]
mod refusals;
#[path = "incremental/values.rs"]
mod values;
