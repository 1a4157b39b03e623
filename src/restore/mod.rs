//! Runs a restore.

pub mod event;
