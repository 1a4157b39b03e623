//! `nocturne verify -d`: an archive compared with a real database. A restored database is equal,
//! whatever the settings of the sessions; any later change is found.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

#[path = "verify_database/changes.rs"]
mod changes;
mod common;
#[path = "verify_database/fixtures.rs"]
mod fixtures;
#[path = "verify_database/foreign_code.rs"]
mod foreign_code;
#[path = "verify_database/forms.rs"]
mod forms;
#[path = "verify_database/settings.rs"]
mod settings;
#[path = "verify_database/source.rs"]
mod source;
