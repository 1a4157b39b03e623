//! Standard error, shared by bars and lines.
//!
//! While bars are shown, lines must be written above them, so every writer goes through [`Screen`].
//! Other modules decide what is written; this one escapes whatever a terminal would obey.

use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::fmt::MakeWriter;

use super::{LogFormat, ProgressMode, ReportOptions, Verbosity};
use crate::shown;

/// Standard error, with or without bars on it. Clones share it.
#[derive(Clone, Debug)]
pub struct Screen {
    bars: Option<MultiProgress>,
    colours: bool,
    format: LogFormat,
}

impl Screen {
    /// Checks standard error and decides whether these options allow bars.
    #[must_use]
    pub fn new(options: &ReportOptions) -> Self {
        let terminal = io::stderr().is_terminal();
        let bars = wants_bars(options).then(|| {
            MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(FRAMES_PER_SECOND))
        });
        Self {
            // indicatif hides bars that a dumb terminal, or none, could not show.
            bars: bars.filter(|bars| !bars.is_hidden()),
            colours: terminal
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
            format: options.format,
        }
    }

    /// A screen without bars and colours.
    #[must_use]
    pub fn plain() -> Self {
        Self { bars: None, colours: false, format: LogFormat::Text }
    }

    /// Whether escape sequences for colours may be written.
    #[must_use]
    pub fn colours(&self) -> bool {
        self.colours
    }

    /// Where bars are drawn, if any.
    pub(crate) fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
    }

    /// Writes lines above the bars.
    pub(crate) fn write(&self, text: &str) {
        self.put(&shown::lines(text));
    }

    /// Writes one line above the bars, whatever it contains.
    pub(crate) fn say(&self, line: &str) {
        self.put(&(shown::one_line(line) + "\n"));
    }

    /// Writes a JSON line of the log or the summary.
    pub(super) fn write_json(&self, line: &str) {
        self.put(&shown::json(line));
    }

    fn put(&self, text: &str) {
        let write = || {
            let mut stderr = io::stderr().lock();
            // If standard error is gone, the failure cannot be reported.
            let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// How often bars are drawn.
pub(super) const FRAMES_PER_SECOND: u8 = 5;

fn wants_bars(options: &ReportOptions) -> bool {
    match options.progress {
        ProgressMode::Bars => true,
        ProgressMode::Auto => {
            options.format == LogFormat::Text && options.verbosity >= Verbosity::Normal
        }
        ProgressMode::Log | ProgressMode::None => false,
    }
}

/// Collects one log line, and writes it when dropped.
pub struct ScreenLine {
    screen: Screen,
    text: Vec<u8>,
}

impl Write for ScreenLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ScreenLine {
    fn drop(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.text);
        match self.screen.format {
            LogFormat::Json => self.screen.write_json(&text),
            LogFormat::Text => self.screen.put(&shown::log_line(&text, self.screen.colours)),
        }
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = ScreenLine;

    fn make_writer(&'a self) -> ScreenLine {
        ScreenLine { screen: self.clone(), text: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(progress: ProgressMode, format: LogFormat, verbosity: Verbosity) -> ReportOptions {
        ReportOptions { progress, format, verbosity }
    }

    #[test]
    fn automatic_progress_shows_bars_only_as_normal_text() {
        use {LogFormat as F, ProgressMode as P, Verbosity as V};
        assert!(wants_bars(&options(P::Auto, F::Text, V::Normal)));
        assert!(wants_bars(&options(P::Auto, F::Text, V::Verbose)));
        assert!(!wants_bars(&options(P::Auto, F::Json, V::Normal)));
        assert!(!wants_bars(&options(P::Auto, F::Text, V::Quiet)));
        assert!(wants_bars(&options(P::Bars, F::Json, V::Quiet)));
        assert!(!wants_bars(&options(P::Log, F::Text, V::Normal)));
        assert!(!wants_bars(&options(P::None, F::Text, V::Normal)));
    }
}
