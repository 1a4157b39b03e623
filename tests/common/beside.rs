//! A program that runs in the background of a test.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};

use tempfile::TempDir;

use super::secrets::Secrets;
use super::tool::{Finished, Tool};
use super::waiting::wait_until;

/// A background program. It is killed when the test fails.
pub struct Beside {
    /// Taken out to wait for its end.
    child: Option<Child>,
    secrets: Secrets,
    /// Where its output goes: an unread pipe would fill up.
    folder: TempDir,
}

impl Beside {
    /// Starts it.
    pub fn start(tool: Tool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
        let mut command = tool.into_command();
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        let secrets = Secrets::of(&command);
        Self { child: Some(command.spawn().expect("the program starts")), secrets, folder }
    }

    /// Sends it a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("the program is running").id();
        Tool::new("sh").args(["-c", &format!("kill -s {name} {id}")]).succeed();
    }

    /// Waits until it has written this text to standard error this many times.
    pub fn wait_for(&self, words: &str, times: usize) {
        let said = || String::from_utf8_lossy(&self.written("stderr")).matches(words).count();
        wait_until(words, || said() >= times);
    }

    /// Waits for its end.
    pub fn end(mut self) -> Finished {
        let status =
            self.child.take().expect("the program is running").wait().expect("the program exits");
        let (stdout, stderr) = (self.written("stdout"), self.written("stderr"));
        Finished::new("nocturne", &self.secrets, Output { status, stdout, stderr })
    }

    fn written(&self, name: &str) -> Vec<u8> {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::read(path).expect("the output file exists")
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
