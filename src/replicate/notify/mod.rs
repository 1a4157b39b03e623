//! Tells other systems how a run ended.
//!
//! Each [`Webhook`] gets a JSON summary by POST, on success and on failure, independently of the
//! others: one that does not answer costs the others nothing. A webhook is tried three times; what
//! it answers is not read. Neither its path, nor its query, nor its token appears in a log line.

mod client;
mod message;
mod notifier;
mod webhook;

#[cfg(test)]
mod tests;

pub use client::ClientError;
pub use message::Message;
pub use notifier::{Notifier, NotifyError, Patience};
pub use webhook::{AddressError, Webhook};
