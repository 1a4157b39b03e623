//! A restore by the built program, and its own report.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::cluster::Database;
use super::program::nocturne;
use super::secrets::Secrets;
use super::tool::{Finished, Tool};

/// A finished restore.
pub struct Restored {
    pub finished: Finished,
    /// The output of `--summary`; null if there was none.
    pub summary: Value,
}

/// Restores into a database by its own URL.
pub fn restore(archive: &Path, database: &Database<'_>, args: &[&str]) -> Restored {
    restore_to(archive, &database.url(), args)
}

/// A command that changes the database at a URL and logs every step, as there is no terminal.
fn started(command: &str, archive: &Path, url: &str, args: &[&str]) -> Tool {
    nocturne().args([command, "--progress", "log", "-d", url]).arg(archive).args(args)
}

/// Restores to a URL.
pub fn restore_to(archive: &Path, url: &str, args: &[&str]) -> Restored {
    run("restore", archive, url, args)
}

/// Runs `nocturne restore` or `nocturne sync` to its end.
pub fn run(command: &str, archive: &Path, url: &str, args: &[&str]) -> Restored {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("summary.json");
    let tool = started(command, archive, url, args);
    let finished = tool.arg("--summary").arg(&path).run();
    let summary = std::fs::read(&path)
        .map(|json| serde_json::from_slice(&json).expect("the summary is JSON"))
        .unwrap_or_default();
    Restored { finished, summary }
}

impl Restored {
    /// Fails the test unless the exit code is this one and every wanted entry is accounted for.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.finished.code(), code, "{}", self.finished);
        let total = |name: &str| self.summary["total"][name].as_u64().expect("a number");
        let accounted = total("done") + total("skipped") + total("tolerated") + total("failed");
        assert_eq!(self.summary["wanted"].as_u64(), Some(accounted), "{}", self.finished);
        self
    }

    /// Its standard error.
    pub fn stderr(&self) -> String {
        self.finished.stderr()
    }

    /// The entries' own failures: kind and name, SQLSTATE, message.
    pub fn failures(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let failures = self.summary["failures"].as_array().expect("a JSON list");
        failures
            .iter()
            .map(|failure| {
                let label = format!("{} {}", text(&failure["desc"]), text(&failure["name"]));
                (label, text(&failure["sqlstate"]), text(&failure["message"]))
            })
            .collect()
    }

    /// The names and SQLSTATEs of these failures.
    pub fn failed(&self) -> Vec<String> {
        let failures = self.failures().into_iter();
        failures.map(|(label, state, _)| format!("{label}: {state}")).collect()
    }

    /// The entries that failed from a common cause: its message, kinds and names.
    pub fn causes(&self) -> Vec<(String, Vec<String>)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let causes = self.summary["causes"].as_array().expect("a JSON list");
        let name = |entry: &Value| format!("{} {}", text(&entry["desc"]), text(&entry["name"]));
        causes
            .iter()
            .map(|cause| {
                let entries = cause["entries"].as_array().expect("a JSON list");
                (text(&cause["message"]), entries.iter().map(name).collect())
            })
            .collect()
    }

    /// The number of entries with this outcome.
    pub fn total(&self, outcome: &str) -> u64 {
        self.summary["total"][outcome].as_u64().expect("a number")
    }
}

/// A running restore. It is killed when the test fails.
pub struct Running {
    /// Taken out to wait for its end.
    child: Option<Child>,
    /// The process that feeds its standard input.
    feeder: Option<Child>,
    secrets: Secrets,
    folder: tempfile::TempDir,
}

impl Running {
    /// Starts a restore to a URL.
    pub fn start(archive: &Path, url: &str, args: &[&str]) -> Self {
        Self::start_command("restore", archive, url, args)
    }

    /// Starts `nocturne restore` or `nocturne sync`.
    pub fn start_command(command: &str, archive: &Path, url: &str, args: &[&str]) -> Self {
        let (folder, command) = Self::prepared(command, archive, url, args);
        Self::spawned(folder, command, None)
    }

    /// Starts a restore of an archive that comes through a pipe.
    pub fn start_stream(archive: &Path, url: &str, args: &[&str]) -> Self {
        let (folder, mut command) = Self::prepared("restore", Path::new("-"), url, args);
        // As standard input a file would still be seekable.
        let mut cat = Command::new("cat");
        let mut cat = cat.arg(archive).stdout(Stdio::piped()).spawn().expect("cat starts");
        command.stdin(cat.stdout.take().expect("stdout is a pipe"));
        Self::spawned(folder, command, Some(cat))
    }

    fn spawned(folder: tempfile::TempDir, mut command: Command, feeder: Option<Child>) -> Self {
        let secrets = Secrets::of(&command);
        Self { child: Some(command.spawn().expect("the program starts")), feeder, secrets, folder }
    }

    fn prepared(
        command: &str,
        archive: &Path,
        url: &str,
        args: &[&str],
    ) -> (tempfile::TempDir, Command) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tool = started(command, archive, url, args);
        let tool = tool.arg("--summary").arg(folder.path().join("summary.json"));
        let mut command = tool.into_command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        (folder, command)
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let line =
            format!("kill -s {name} {}", self.child.as_ref().expect("the restore is running").id());
        super::Tool::new("sh").args(["-c", &line]).succeed();
    }

    /// The process ID.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the restore is running").id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child
            .as_mut()
            .expect("the restore is running")
            .try_wait()
            .expect("reading its status")
            .is_some()
    }

    /// Kills it as the kernel does when memory is short, without any chance to react.
    pub fn kill(mut self) {
        let mut child = self.child.take().expect("the restore is running");
        child.kill().expect("killing the restore");
        child.wait().expect("the restore exits");
        self.feeder.take().map(|mut feeder| feeder.wait().expect("the feeder exits"));
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Restored {
        let child = self.child.take().expect("the restore is running");
        let output = child.wait_with_output().expect("the restore exits");
        self.feeder.take().map(|mut feeder| feeder.wait().expect("the feeder exits"));
        let summary = std::fs::read(self.folder.path().join("summary.json"))
            .map(|json| serde_json::from_slice(&json).expect("the summary is JSON"))
            .unwrap_or_default();
        Restored { finished: Finished::new("nocturne restore", &self.secrets, output), summary }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
