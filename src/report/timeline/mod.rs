//! Work drawn over time: a Gantt chart as HTML, and the page of a restore that holds one.
//!
//! [`Gantt`] is pure: lanes and bars in, markup out. It is used for a restore, for the nights of a
//! log, for a plan and for the status page. [`page`] puts markup into a self-contained document
//! that asks nothing of a network, with its colours for light and dark screens.
//!
//! [`Recorder`] listens to a restore's events and keeps every piece of work as a [`Span`];
//! [`Recording`] is what it heard, as JSON for tools and as a page for people. [`Totals`] adds
//! up work by kind, for the page and for the nights of a log alike.

mod axis;
mod gantt;
mod kind;
pub mod page;
mod recorder;
mod recording;
mod restore;
mod tables;
mod totals;

pub use gantt::{Bar, Gantt, Mark};
pub use kind::Kind;
pub use recorder::Recorder;
pub use recording::{FailedEntry, Recording, Span, SpanEnd, StepAt};
pub(in crate::report) use tables::{facts, kinds, longest, share};
pub use totals::{KindTotals, Totals, Work};
