//! Every log line of this test binary, at every level and from every crate, to search for secrets.

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
            // The fake host logs the requests it receives.
            .with_env_filter(EnvFilter::new("trace,wiremock=off"))
            .with_ansi(false)
            .with_writer(|| Lines)
            .init();
    });
}

/// The lines collected so far, by all tests.
pub fn text() -> String {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&lines).into_owned()
}
