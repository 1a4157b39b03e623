//! `nocturne sync`: a source changes, is dumped, and the target follows; in the end both are the same
//! database, and only what differs has changed.

mod command;
mod commit;
mod fixtures;
mod forms;
mod full;
mod keys;
mod locks;
mod manifest;
mod nights;
mod others;
mod random_nights;
mod rows;
mod sequences;
mod streams;
mod triggers;
mod views;
