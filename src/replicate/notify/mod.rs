//! Tells other systems how a run ended.

mod webhook;

pub use webhook::{AddressError, Webhook};
