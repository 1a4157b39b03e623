//! `restore --resume` on real servers: runs interrupted in every way, and the result of the
//! next run. It ends with the database that one undisturbed run would have created; finished
//! tables are not touched; the journal is gone.

mod definitions;
mod killed;
mod library;
mod lost;
mod manifest;
mod passing;
mod random;
mod refused;
mod restart;
mod rows;
mod source;
