//! The entry point of this module: a sink for events, and the result at the end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::Level;

use crate::restore::event::{Event, Events};

use super::bars::{self, Bars};
use super::summary::Tally;
use super::{LogFormat, ProgressMode, Screen, Summary, Verbosity, log};

/// How a run is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportOptions {
    /// How progress is shown.
    pub progress: ProgressMode,
    /// How log lines and the summary are written.
    pub format: LogFormat,
    /// How much is reported.
    pub verbosity: Verbosity,
}

/// Reports one run: shows its progress, counts events, reports the result.
///
/// Create a [`Screen`] first, pass it to [`telemetry::init`](super::telemetry::init), then to the
/// reporter. Dropping the reporter instead of finishing it removes the bars and reports nothing.
#[derive(Debug)]
pub struct Reporter {
    options: ReportOptions,
    screen: Screen,
    start: Instant,
    tally: Arc<Mutex<Tally>>,
    bars: Option<Bars>,
}

impl Reporter {
    /// Starts the clock and, if the screen shows any, the bars.
    #[must_use]
    pub fn new(options: ReportOptions, screen: &Screen) -> Self {
        let start = Instant::now();
        // Without a drawing thread, log lines report the same.
        let bars = Bars::start(screen, start).unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot draw progress bars");
            None
        });
        Self { options, screen: screen.clone(), start, tally: Arc::default(), bars }
    }

    /// Where the restore sends its events, from any thread. Sending only updates counters and may
    /// write a log line.
    #[must_use]
    pub fn events(&self) -> Events {
        let Self { options, start, .. } = *self;
        let tally = Arc::clone(&self.tally);
        let board = self.bars.as_ref().map(Bars::board);
        Events::to(move |event: Event| {
            let now = start.elapsed();
            tally.lock().unwrap_or_else(PoisonError::into_inner).observe(&event, now);
            match &board {
                Some(board) => bars::note(board, &event, now),
                None if logs(options.progress, &event) => log::write(&event, options.format),
                None => {}
            }
        })
    }

    /// Whether the run has connected to its target.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.is_connected()
    }

    /// Removes the bars, writes the summary to standard error, and returns it.
    ///
    /// As text, a quiet run without errors writes none; as JSON, it is always the last line.
    #[must_use]
    pub fn finish(mut self) -> Summary {
        drop(self.bars.take());
        let elapsed = self.start.elapsed();
        let tally = std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner));
        let summary = tally.finish(elapsed);
        match self.options.format {
            LogFormat::Json => self.screen.write_json(&summary.to_log_line()),
            LogFormat::Text => {
                if self.options.verbosity > Verbosity::Quiet || summary.errors() > 0 {
                    self.screen.write(&summary.to_string());
                }
            }
        }
        summary
    }
}

/// Whether an event may get a log line; the log filter can still drop it.
fn logs(progress: ProgressMode, event: &Event) -> bool {
    // tracing orders levels by verbosity: ERROR is the lowest.
    progress != ProgressMode::None || log::level(event) <= Level::WARN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_from_many_threads_are_all_counted() {
        let reporter = Reporter::new(
            ReportOptions { verbosity: Verbosity::Quiet, ..ReportOptions::default() },
            &Screen::plain(),
        );
        let events = reporter.events();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        events.send(Event::Warning { message: "careful".into() });
                    }
                });
            }
        });
        assert_eq!(reporter.finish().warnings.len(), 400);
    }

    #[test]
    fn problems_are_logged_without_progress() {
        let step = Event::Step { what: "committing".into() };
        let warning = Event::Warning { message: "careful".into() };
        assert!(!logs(ProgressMode::None, &step));
        assert!(logs(ProgressMode::None, &warning));
        assert!(logs(ProgressMode::Log, &step));
    }
}
