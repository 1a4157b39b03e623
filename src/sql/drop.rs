//! SQL text: drop.
