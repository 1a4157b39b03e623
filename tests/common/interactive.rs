//! A psql whose statements come one by one, to hold a transaction or a lock as long as a test wants.

use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};

use super::cluster::Database;

/// Such a psql. Dropped, its session ends.
pub struct Interactive {
    child: Child,
    input: Option<ChildStdin>,
}

impl Interactive {
    /// Begins with these statements, in a session of this name. They need not be done when this
    /// returns.
    pub fn start(database: &Database<'_>, name: &str, sql: &str) -> Self {
        let mut command = database.psql().env("PGAPPNAME", name).into_command();
        // It is told by its exit status what the server said.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("psql starts");
        let input = child.stdin.take();
        let mut interactive = Self { child, input };
        interactive.say(sql);
        interactive
    }

    /// Sends more statements. Psql reads them when it is done with those before.
    pub fn say(&mut self, sql: &str) {
        let input = self.input.as_mut().expect("it has not ended");
        writeln!(input, "{sql}").and_then(|()| input.flush()).expect("psql reads");
    }

    /// Waits until all is done.
    ///
    /// # Panics
    /// When a statement failed.
    pub fn end(mut self) {
        drop(self.input.take());
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "a statement of the other session failed: {status}");
    }
}

impl Drop for Interactive {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // It may wait for what the test does not do any more.
            let _ = self.child.kill();
        }
        // psql ends with its input.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
