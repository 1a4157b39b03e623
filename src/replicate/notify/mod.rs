//! Notifies other systems of the outcome of a run.
//!
//! Each [`Webhook`] receives a JSON summary by POST, on success and on failure, independently of
//! the others: one that does not respond does not affect them. Each is tried three times; the
//! response body is not read. Its path, query and token never appear in a log line.

mod message;
mod notifier;
mod webhook;

#[cfg(test)]
mod tests;

pub use message::Message;
pub use notifier::{Notifier, NotifyError, Patience};
pub use webhook::{AddressError, Webhook};
