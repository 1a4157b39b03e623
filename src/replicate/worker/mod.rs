//! The background process: waits for the next run and starts it.

mod retry;

pub use retry::RetryPolicy;
