//! Backups from the host's API and over HTTP, against servers that behave as badly as real ones:
//! tokens that expire, calls that are refused, connections that break in the middle of the bytes.

// Its helpers are tests as well, where a broken expectation may panic.
#![allow(clippy::unwrap_used)]

#[path = "backup/broken.rs"]
mod broken;
#[path = "backup/chain.rs"]
mod chain;
#[path = "backup/command.rs"]
mod command;
mod common;
#[path = "backup/files.rs"]
mod files;
#[path = "backup/host.rs"]
mod host;
#[path = "backup/kept.rs"]
mod kept;
#[path = "backup/log.rs"]
mod log;
#[path = "backup/restored.rs"]
mod restored;
#[path = "backup/tls.rs"]
mod tls;
