//! The incremental copy between real databases: it copies new rows and nothing else, completely or
//! not at all, whichever side dies.

mod command;
mod deaths;
mod definitions;
mod keys;
mod late;
mod pair;
mod partitions;
mod ranges;
mod refusals;
mod values;
