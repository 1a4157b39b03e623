//! Where SQL statements end: for table data written as INSERT commands (`pg_dump --inserts`) and
//! for old comments on large objects.
//!
//! [`Splitter`] is the lexer. It reads bytes, keeps its state between calls and copies nothing;
//! [`Batches`] wraps it around a reader and returns complete statements, many at a time, so that a
//! million one-row INSERTs do not need a million round trips.
//!
//! The rules are those of PostgreSQL's own lexer (`src/backend/parser/scan.l`), which go beyond
//! what pg_dump writes and what pg_restore's `ExecuteSimpleCommands` handles, because an archive
//! may have been edited. `BEGIN ATOMIC … END` is excluded, as function bodies are never table data;
//! [`script`], for handwritten files, supports it.

mod batches;
mod ending;
mod lexer;
mod nesting;
pub mod script;

pub use batches::{BATCH_BYTES, Batch, Batches, Ends, STATEMENT_BYTES};
pub use ending::{Ending, SplitError};
pub use lexer::Splitter;
