//! Draws the bars: an overall bar, a line of counts, a line for each lane.
//!
//! A thread of its own draws a few times a second what [`Board`] says, so that a slow terminal
//! never holds up the restore: taking note of an event is all that its sender waits for.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::restore::event::Event;

use super::Screen;
use super::board::{Board, Frame};
use super::screen::FRAMES_PER_SECOND;

/// The bars of one run. Dropping it takes them off the screen.
#[derive(Debug)]
pub(super) struct Bars {
    board: Arc<Mutex<Board>>,
    /// Dropped to stop the thread.
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bars {
    /// Starts drawing. `Ok(None)` when the screen shows no bars.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub(super) fn start(screen: &Screen, start: Instant) -> io::Result<Option<Self>> {
        let Some(multi) = screen.bars().cloned() else { return Ok(None) };
        let board = Arc::new(Mutex::new(Board::default()));
        let (running, stopped) = mpsc::channel::<()>();
        let shared = Arc::clone(&board);
        let screen = screen.clone();
        let thread = thread::Builder::new().name("bars".into()).spawn(move || {
            let mut drawing = Drawing::new(multi);
            let pause = Duration::from_secs(1) / u32::from(FRAMES_PER_SECOND);
            loop {
                let over = stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
                let (remarks, frame) = {
                    let mut board = lock(&shared);
                    (board.take_remarks(), board.frame(start.elapsed()))
                };
                if !remarks.is_empty() {
                    screen.write(format!("{}\n", remarks.join("\n")).as_bytes());
                }
                if over {
                    return drawing.clear();
                }
                drawing.show(&frame);
            }
        })?;
        Ok(Some(Self { board, running: Some(running), thread: Some(thread) }))
    }

    /// Where events are noted.
    pub(super) fn board(&self) -> Arc<Mutex<Board>> {
        Arc::clone(&self.board)
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.running.take();
        if let Some(thread) = self.thread.take() {
            // It ends by itself within one drawing; if it panicked there is nothing to clear.
            let _ = thread.join();
        }
    }
}

/// Notes an event that happened at `now`.
pub(super) fn note(board: &Mutex<Board>, event: &Event, now: Duration) {
    lock(board).observe(event, now);
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines on the screen.
struct Drawing {
    multi: MultiProgress,
    data: ProgressBar,
    entries: ProgressBar,
    /// By lane; a lane that rests keeps its line, so that the others do not jump.
    lanes: Vec<ProgressBar>,
    has_bar: bool,
}

impl Drawing {
    fn new(multi: MultiProgress) -> Self {
        let data = multi.add(ProgressBar::no_length());
        data.set_style(style("{spinner} {wide_msg}"));
        let entries = multi.add(ProgressBar::no_length());
        entries.set_style(style("{wide_msg}"));
        Self { multi, data, entries, lanes: Vec::new(), has_bar: false }
    }

    fn show(&mut self, frame: &Frame) {
        if let Some((read, all)) = frame.bar {
            if !self.has_bar {
                self.has_bar = true;
                self.data.set_style(style("{wide_bar:.cyan/dim} {msg}").progress_chars("━━─"));
            }
            self.data.set_length(all);
            self.data.set_position(read);
        }
        self.data.set_message(frame.data.clone());
        self.data.tick();
        self.entries.set_message(frame.entries.clone());
        while self.lanes.len() < frame.lanes.len() {
            let line = self.multi.add(ProgressBar::no_length());
            line.set_style(style("  {wide_msg}  {prefix}"));
            self.lanes.push(line);
        }
        for (line, (left, right)) in self.lanes.iter().zip(&frame.lanes) {
            line.set_prefix(right.clone());
            line.set_message(left.clone());
        }
    }

    fn clear(&mut self) {
        for line in [&self.data, &self.entries].into_iter().chain(&self.lanes) {
            line.finish_and_clear();
        }
        // Failing to clear a screen that is gone is no loss.
        let _ = self.multi.clear();
    }
}

/// The templates are written above: one that is wrong would show as plain lines.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_valid() {
        for template in
            ["{spinner} {wide_msg}", "{wide_bar:.cyan/dim} {msg}", "  {wide_msg}  {prefix}"]
        {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_screen_without_bars_starts_none() {
        assert!(Bars::start(&Screen::plain(), Instant::now()).unwrap().is_none());
    }
}
