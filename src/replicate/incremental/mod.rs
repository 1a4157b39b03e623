//! Copies the new rows of append-only tables from the source database.
