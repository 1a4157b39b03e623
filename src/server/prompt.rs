//! Prompts for a password at the terminal (`simple_prompt` in `src/port/sprompt.c`).
//!
//! The terminal keeps its signals and its line editing; only its echo is off. The answer is read on
//! a detached thread, so that a signal ends the program at once. The echo is restored whichever way
//! the prompt ends, including a dropped future.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;

/// Prompts, and waits for a line.
///
/// # Errors
/// When the process has no terminal, or the user ends the input.
pub(super) async fn ask(question: &str) -> io::Result<String> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let input = BufReader::new(terminal.try_clone()?);
    let mut silent = Silent::new(terminal)?;
    silent.terminal.write_all(question.as_bytes())?;
    let (tell, told) = oneshot::channel();
    // Not a thread of the runtime, which waits for its threads when it ends.
    std::thread::Builder::new().name("password".to_owned()).spawn(move || {
        // No one may be waiting any more.
        let _ = tell.send(line(input));
    })?;
    let answer = told.await.map_err(io::Error::other)?;
    silent.is_answered = answer.is_ok();
    answer
}

fn line(mut input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// A terminal that does not echo what is typed, except the end of the line.
struct Silent {
    terminal: File,
    before: Termios,
    is_answered: bool,
}

impl Silent {
    fn new(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        modes.local_modes.insert(LocalModes::ECHONL);
        // A line typed before the prompt is an answer, too.
        tcsetattr(&terminal, OptionalActions::Now, &modes)?;
        Ok(Self { terminal, before, is_answered: false })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        if !self.is_answered {
            // What comes next starts on a new line.
            let _ = self.terminal.write_all(b"\n");
        }
        // A terminal that is gone needs no restored echo.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_a_line_without_its_end() {
        let read = |text: &str| line(text.as_bytes());
        assert_eq!(read("pass word \r\nnext").unwrap(), "pass word ");
        assert_eq!(read("\n").unwrap(), "");
        assert_eq!(read("no end").unwrap(), "no end");
        assert_eq!(read("").unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
