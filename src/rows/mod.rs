//! Rows as COPY text: where they end, how many they are.
//!
//! Pure: takes a `Read`, gives pieces. See "Text Format" in the documentation of COPY.

mod copy_text;

pub use copy_text::CopyText;
