//! SQL text: split.
