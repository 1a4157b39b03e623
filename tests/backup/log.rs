//! Every log line of this test binary, of every level and every crate, to look for secrets in.

use std::io::{self, Write};
use std::sync::{Mutex, Once, PoisonError};

use tracing_subscriber::EnvFilter;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static START: Once = Once::new();

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Collects log lines from now on.
pub fn collect() {
    START.call_once(|| {
        tracing_subscriber::fmt()
            // The fake host writes down what it gets.
            .with_env_filter(EnvFilter::new("trace,wiremock=off"))
            .with_ansi(false)
            .with_writer(|| Lines)
            .init();
    });
}

/// What was collected so far, by all tests.
pub fn text() -> String {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&lines).into_owned()
}
