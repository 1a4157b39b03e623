//! Runs a restore.

pub mod event;
pub mod script;
pub mod statements;
