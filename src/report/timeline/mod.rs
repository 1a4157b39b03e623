//! Work drawn over time: a Gantt chart as HTML, and the page of a restore that holds one.
//!
//! [`Gantt`] is pure: lanes and bars in, markup out. It is used for a restore, for the nights of a
//! log, for a plan and for the status page. [`page`] puts markup into a self-contained document
//! that asks nothing of a network, with its colours for light and dark screens.

mod axis;
mod gantt;
mod kind;
pub mod page;

pub use gantt::{Bar, Gantt, Mark};
pub use kind::Kind;
