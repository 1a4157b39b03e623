//! Draws the bars: an overall bar, a line of counts, a line for each lane.
//!
//! A separate thread draws [`Board`]'s content a few times a second, so that a slow terminal never
//! delays the restore: senders of events only wait for the board to record them.

use std::fmt::Write;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::restore::event::Event;

use super::Screen;
use super::board::{Board, Frame, Size, WHOLE};
use super::screen::FRAMES_PER_SECOND;

/// The bars of one run. Dropping it removes them from the screen.
#[derive(Debug)]
pub(super) struct Bars {
    board: Arc<Mutex<Board>>,
    /// Dropped to stop the thread.
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bars {
    /// Starts drawing. `Ok(None)` if the screen shows no bars.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread.
    pub(super) fn start(screen: &Screen, start: Instant) -> io::Result<Option<Self>> {
        let Some(multi) = screen.bars().cloned() else { return Ok(None) };
        let board = Arc::new(Mutex::new(Board::default()));
        let (running, stopped) = mpsc::channel::<()>();
        let shared = Arc::clone(&board);
        let screen = screen.clone();
        let thread = thread::Builder::new().name("bars".into()).spawn(move || {
            let mut drawing = Drawing::new(&multi);
            let pause = Duration::from_secs(1) / u32::from(FRAMES_PER_SECOND);
            loop {
                let over = stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
                let (remarks, frame) = {
                    let mut board = lock(&shared);
                    let frame = board.frame(start.elapsed(), size());
                    (board.take_remarks(), (!board.is_connecting).then_some(frame))
                };
                if !remarks.is_empty() {
                    screen.write(&format!("{}\n", remarks.join("\n")));
                }
                if over {
                    return drawing.clear();
                }
                match frame {
                    Some(frame) => drawing.show(frame),
                    // Nothing may overwrite a prompt.
                    None => drawing.hide(&multi),
                }
            }
        })?;
        Ok(Some(Self { board, running: Some(running), thread: Some(thread) }))
    }

    /// Where events are recorded.
    pub(super) fn board(&self) -> Arc<Mutex<Board>> {
        Arc::clone(&self.board)
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.running.take();
        if let Some(thread) = self.thread.take() {
            // It ends by itself within one frame; if it panicked, there is nothing to clear.
            let _ = thread.join();
        }
    }
}

/// Records an event that happened at `now`.
pub(super) fn note(board: &Mutex<Board>, event: &Event, now: Duration) {
    lock(board).observe(event, now);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bars on the screen: one multi-line bar for indicatif, so that a frame is drawn at once.
struct Drawing {
    bar: ProgressBar,
    frame: Arc<Mutex<Frame>>,
    has_length: bool,
    is_shown: bool,
}

impl Drawing {
    fn new(multi: &MultiProgress) -> Self {
        let frame = Arc::new(Mutex::new(Frame::default()));
        let bar = multi.add(ProgressBar::no_length());
        bar.set_style(style(WITHOUT_LENGTH, &frame));
        Self { bar, frame, has_length: false, is_shown: false }
    }

    fn show(&mut self, frame: Frame) {
        let place = frame.bar;
        *lock(&self.frame) = frame;
        if let Some(place) = place {
            if !self.has_length {
                self.has_length = true;
                self.bar.set_style(style(WITH_LENGTH, &self.frame));
                self.bar.set_length(WHOLE);
            }
            self.bar.set_position(place);
        }
        self.is_shown = true;
        self.bar.tick();
    }

    fn hide(&mut self, multi: &MultiProgress) {
        if std::mem::take(&mut self.is_shown) {
            // Writing to a terminal that is gone is no error of the run.
            let _ = multi.clear();
        }
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

const WITH_LENGTH: &str = "{wide_bar:.cyan/dim} {left}\n{data}\n{rest}";
const WITHOUT_LENGTH: &str = "{spinner} {data}\n{rest}";

/// A style that reads its texts from `frame` whenever it is drawn.
fn style(template: &str, frame: &Arc<Mutex<Frame>>) -> ProgressStyle {
    let (left, data, rest) = (Arc::clone(frame), Arc::clone(frame), Arc::clone(frame));
    // An invalid template, which a test excludes, would show as a plain bar.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
        .with_key("left", move |_: &ProgressState, text: &mut dyn Write| {
            let _ = text.write_str(&lock(&left).left);
        })
        .with_key("data", move |_: &ProgressState, text: &mut dyn Write| {
            // Writing to indicatif's buffer does not fail.
            let _ = text.write_str(&lock(&data).data);
        })
        .with_key("rest", move |_: &ProgressState, text: &mut dyn Write| {
            let frame = lock(&rest);
            let _ = text.write_str(&frame.entries);
            for lane in &frame.lanes {
                let _ = write!(text, "\n{lane}");
            }
        })
}

/// The size of the terminal on standard error, queried for each frame.
fn size() -> Size {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    match size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row))) {
        Ok((columns @ 1.., lines @ 1..)) => Size { columns, lines },
        _ => Size { columns: 80, lines: 24 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_valid() {
        for template in [WITH_LENGTH, WITHOUT_LENGTH] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn screen_without_bars_starts_none() {
        assert!(Bars::start(&Screen::plain(), Instant::now()).unwrap().is_none());
    }
}
