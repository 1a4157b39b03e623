//! Backups from the host's API and over HTTP, against servers that misbehave like real ones:
//! expired tokens, rejected calls, connections that break mid-transfer.

mod broken;
mod chain;
mod command;
mod kept;
mod restored;
mod tls;
