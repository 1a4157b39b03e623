//! `nocturne verify -d`: an archive beside a real database. What was restored is equal, whatever
//! the settings of the sessions; whatever is changed after that is found.

// Its helpers are tests as well, where a broken expectation may panic.
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
