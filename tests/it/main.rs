//! The tests that need PostgreSQL, in one process: its servers are shared by all of them.
//!
//! `docs/testing.md` says what a kind of test proves. Tests that need a process of their own are
//! beside this folder: `archive` (counts the panics of all threads), `memory` (counts allocations),
//! `nights` (searches all log lines for secrets). What needs no server is in `src/`.

// Clippy does not recognize test helpers as tests.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

// The restored database is the one that pg_restore creates.
mod binary_rows;
mod encodings;
mod foreign_keys;
mod listing;
mod loaded;
mod order;
mod privileges;
mod random;
mod roundtrip;
mod script;
mod settings;
mod split;
mod streams;
mod sync;
mod verify_database;

// Nothing is lost when something fails.
mod chaos;
mod faults;
mod limits;
mod resume;
mod review;

// What the command line promises.
mod demo;
mod embedded;
mod options;
mod plan;
mod report;
mod session;
mod tls;

// The steps of a night, each alone; whole nights are in `tests/nights/`.
mod clean;
mod enrich;
mod hooks;
mod incremental;
mod lock;
mod swap;
mod web;
mod worker;

// The documents, texts and borders of the project.
mod borders;
mod scalingo;
mod security;
mod wording;
