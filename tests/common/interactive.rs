//! A psql fed statement by statement, to hold a transaction or a lock as long as a test needs it.

use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};

use super::cluster::Database;

/// An interactive psql. Dropping it ends its session.
pub struct Interactive {
    child: Child,
    input: Option<ChildStdin>,
}

impl Interactive {
    /// Starts with these statements, in a session of this name. They may still be running when this
    /// returns.
    pub fn start(database: &Database<'_>, name: &str, sql: &str) -> Self {
        let mut command = database.psql().env("PGAPPNAME", name).into_command();
        // Its exit status shows the server's result.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("psql starts");
        let input = child.stdin.take();
        let mut interactive = Self { child, input };
        interactive.say(sql);
        interactive
    }

    /// Sends more statements. psql reads them after the previous ones.
    pub fn say(&mut self, sql: &str) {
        let input = self.input.as_mut().expect("psql is still running");
        writeln!(input, "{sql}").and_then(|()| input.flush()).expect("psql reads");
    }

    /// Waits until all statements are done.
    ///
    /// # Panics
    /// If a statement failed.
    pub fn end(mut self) {
        drop(self.input.take());
        let status = self.child.wait().expect("psql exits");
        assert!(status.success(), "a statement of the other session failed: {status}");
    }
}

impl Drop for Interactive {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // It may be waiting for something the test will no longer do.
            let _ = self.child.kill();
        }
        // psql ends with its input.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
