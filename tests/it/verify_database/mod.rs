//! `nocturne verify -d`: an archive compared with a real database. A restored database is equal,
//! whatever the settings of the sessions; any later change is found.

mod changes;
mod fixtures;
mod foreign_code;
mod forms;
mod settings;
mod source;
