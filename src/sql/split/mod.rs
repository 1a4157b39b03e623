//! Where SQL statements end: for table data written as INSERT commands (`pg_dump --inserts`) and
//! for old comments on large objects.
//!
//! [`Splitter`] is the lexer. It looks at bytes, keeps its place between calls and copies nothing;
//! [`Batches`] wraps it around a reader and gives whole statements, many at a time, so that a
//! million one-row INSERTs do not need a million round trips.
//!
//! The rules are those of PostgreSQL's own lexer (`src/backend/parser/scan.l`), which go beyond
//! what pg_dump writes and what pg_restore's `ExecuteSimpleCommands` knows, because an archive may
//! have been edited. The one thing left out is `BEGIN ATOMIC … END`: function bodies are never
//! table data.

mod batches;
mod lexer;

pub use batches::{BATCH_BYTES, Batch, Batches, Ends, STATEMENT_BYTES};
pub use lexer::{Ending, SplitError, Splitter};
