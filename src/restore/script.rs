//! The SQL script that `-f` writes.
