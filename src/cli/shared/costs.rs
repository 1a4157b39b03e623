//! The cost history on the command line: its file, and warnings about it.

use std::path::PathBuf;

use super::environment;
use crate::cli::options::CostArgs;
use crate::error::chain;
use crate::plan::history::CostFileError;
use crate::report::timings::CostHistoryFile;
use crate::restore::event::{Event, Events};

/// The file's name in the user's cache folder (XDG Base Directory Specification).
const DEFAULT: &str = "nocturne/costs.json";

/// Reads the history file. An unusable file is reported as a warning and never written.
pub(crate) fn open(typed: &CostArgs, events: &Events) -> CostHistoryFile {
    CostHistoryFile::open(file(typed), |error| warn(error, events))
}

/// Reports a problem with the file.
pub(crate) fn warn(error: &CostFileError, events: &Events) {
    events.send(Event::Warning { message: chain(error) });
}

fn file(typed: &CostArgs) -> Option<PathBuf> {
    if typed.no_cost_history {
        return None;
    }
    typed.cost_history.clone().or_else(default_file)
}

/// The default file: in the user's cache folder, if that exists.
pub(crate) fn default_file() -> Option<PathBuf> {
    // The specification requires relative paths to be ignored.
    let xdg = environment("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = xdg.or_else(|| Some(PathBuf::from(environment("HOME")?).join(".cache")))?;
    Some(cache.join(DEFAULT))
}
