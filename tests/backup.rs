//! Backups from the host's API and over HTTP, against servers that misbehave like real ones:
//! expired tokens, rejected calls, connections that break mid-transfer.

// Test helpers may panic when an expectation fails.
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
