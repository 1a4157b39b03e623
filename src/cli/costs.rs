//! The cost history on the command line: its file, and warnings about it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::args::CostArgs as Typed;
use super::environment;
use crate::error::chain;
use crate::plan::history::CostHistory;
use crate::report::costs::{TimingsReader, load};
use crate::restore::event::{Event, Events, Reader};

/// The file's name in the user's cache folder (XDG Base Directory Specification).
const DEFAULT: &str = "nocturne/costs.json";

/// A history, and the file to write it to.
#[derive(Debug)]
pub(super) struct CostHistoryFile {
    pub(super) costs: Arc<CostHistory>,
    file: Option<PathBuf>,
    recorder: TimingsReader,
}

impl CostHistoryFile {
    /// Reads the history file. An unusable file is reported as a warning and never written.
    pub(super) fn open(typed: &Typed, events: &Events) -> Self {
        let (costs, file) = match file(typed) {
            None => (CostHistory::default(), None),
            Some(path) => match load(&path) {
                Ok(costs) => (costs, Some(path)),
                Err(error) => {
                    warn(events, &error);
                    (CostHistory::default(), None)
                }
            },
        };
        Self { costs: Arc::new(costs), file, recorder: TimingsReader::default() }
    }

    /// Records events for the history, if there is a file.
    pub(super) fn reader(&self) -> Option<Reader> {
        self.file.as_ref().map(|_| self.recorder.reader())
    }

    /// Saves a run's timings. `complete` tells whether the run finished.
    pub(super) fn save(&self, database: &str, complete: bool, events: &Events) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let saved =
            self.file.as_ref().map(|path| self.recorder.save(path, database, complete, now));
        if let Some(Err(error)) = saved {
            warn(events, &error);
        }
    }
}

fn warn(events: &Events, error: &dyn std::error::Error) {
    events.send(Event::Warning { message: chain(error) });
}

fn file(typed: &Typed) -> Option<PathBuf> {
    if typed.no_cost_history {
        return None;
    }
    typed.cost_history.clone().or_else(default_file)
}

/// The default file: in the user's cache folder, if that exists.
pub(super) fn default_file() -> Option<PathBuf> {
    // The specification requires relative paths to be ignored.
    let xdg = environment("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = xdg.or_else(|| Some(PathBuf::from(environment("HOME")?).join(".cache")))?;
    Some(cache.join(DEFAULT))
}
