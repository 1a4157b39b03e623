//! Running PostgreSQL's own programs, of one version against one server.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::secrets::Secrets;

/// Programs built by this test binary.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A command under construction. Its environment has none of the machine's PostgreSQL
/// settings, the time zone is UTC and the messages are English.
#[must_use = "a tool does nothing until it runs"]
pub struct Tool {
    command: Command,
    input: Option<Vec<u8>>,
}

impl Tool {
    /// A program by path or name.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            // NOCTURNE_… are options of the program under test.
            if text.starts_with("PG") || text.starts_with("NOCTURNE_") {
                command.env_remove(name);
            }
        }
        command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1");
        // The timings of one test's restores must not reach another's, nor the user's own.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let cache = format!("cache/{}-{number}", std::process::id());
        command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join(cache));
        Self { command, input: None }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes all environment variables except `PATH` and those [`Tool::env`] adds later.
    pub fn bare(mut self) -> Self {
        self.command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            self.command.env("PATH", path);
        }
        self
    }

    /// The folder it runs in.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Its standard input; by default none.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// The standard command, for a test that needs the running process.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to the end, whatever the result. Secrets it was given must not appear.
    pub fn run(self) -> Finished {
        let Self { mut command, input } = self;
        let line = format!("{command:?}");
        let secrets = Secrets::of(&command);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{line}: {error}"));
        // Written while its output is read: either pipe may fill up.
        let writer = input.zip(child.stdin.take()).map(|(bytes, mut stdin)| {
            // It may exit without reading everything: its exit status shows what that means.
            std::thread::spawn(move || drop(stdin.write_all(&bytes)))
        });
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("{line}: {error}"));
        if let Some(writer) = writer {
            writer.join().expect("the writer does not panic");
        }
        Finished::new(&line, &secrets, output)
    }

    /// Runs it and expects success.
    pub fn succeed(self) -> Finished {
        let finished = self.run();
        assert!(finished.success(), "{finished}");
        finished
    }
}

/// How a program ended, and its output.
pub struct Finished {
    line: String,
    output: Output,
}

impl Finished {
    /// Of a program that was given these secrets, which its output must not show.
    pub fn new(line: &str, secrets: &Secrets, output: Output) -> Self {
        secrets.check(line, &output);
        Self { line: line.to_owned(), output }
    }

    pub fn success(&self) -> bool {
        self.output.status.success()
    }

    /// The exit code.
    ///
    /// # Panics
    /// If a signal ended it.
    pub fn code(&self) -> i32 {
        self.output.status.code().unwrap_or_else(|| panic!("ended by a signal: {self}"))
    }

    pub fn stdout_bytes(&self) -> &[u8] {
        &self.output.stdout
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Standard output for comparisons: different outputs give different texts. Bytes that are not
    /// UTF-8 become the letters of their numbers.
    pub fn comparable_stdout(&self) -> String {
        let bytes = self.stdout_bytes();
        let as_letters = || bytes.iter().map(|byte| char::from(*byte)).collect();
        std::str::from_utf8(bytes).map_or_else(|_| as_letters(), str::to_owned)
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Fails the test unless the exit code is this one; shows the output.
    pub fn expect_code(self, code: i32) -> Self {
        assert!(self.output.status.code() == Some(code), "expected exit code {code}: {self}");
        self
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n--- {}\n--- standard output\n{}\n--- standard error\n{}",
            self.line,
            self.output.status,
            shortened(&self.stdout()),
            shortened(&self.stderr())
        )
    }
}

/// The end of a long text contains the reason.
fn shortened(text: &str) -> String {
    const LINES: usize = 60;
    let lines: Vec<&str> = text.lines().collect();
    match lines.len().checked_sub(LINES) {
        None | Some(0) => text.trim_end().to_owned(),
        Some(left_out) => format!("({left_out} lines)\n{}", lines[left_out..].join("\n")),
    }
}
