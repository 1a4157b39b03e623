//! The command line as it is typed.
//!
//! - [`args`]: the commands and their options, with the text of the help.
//! - [`selection`]: the options that choose entries, shared by the commands.
//! - [`connection`]: the options that say where the target is.
//! - [`values`]: the words that options take.

pub mod args;
pub mod connection;
pub mod selection;
pub mod values;
