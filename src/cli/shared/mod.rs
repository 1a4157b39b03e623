//! What several commands have in common.

pub(crate) mod choose;
pub(crate) mod costs;
pub(crate) mod input;
pub(crate) mod local_time;
#[cfg(feature = "replicate")]
pub(crate) mod night;
pub(crate) mod output;
pub(crate) mod restoring;
pub(crate) mod results;
pub(crate) mod threads;

use crate::report::Screen;

/// Prints lines on standard error while no progress is shown there.
pub(crate) fn say(lines: &str) {
    Screen::plain().write(&format!("{lines}\n"));
}

/// An environment variable's value, if set and not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
