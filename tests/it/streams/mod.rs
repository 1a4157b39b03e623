//! Archives that come as a stream, wrapped or through a pipe: the same database as from the file,
//! and a truncated stream is never silently accepted.

mod ahead;
mod appended;
mod damage;
mod sources;
mod tars;
