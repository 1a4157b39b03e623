//! Work over time: a Gantt chart as HTML, and a restore's page with such a chart.
//!
//! [`Gantt`] is pure: lanes and bars in, markup out. It draws a restore, the nights of a log, a
//! plan, and the status page. [`page`] wraps markup into a self-contained document that needs no
//! network, with colours for light and dark screens.
//!
//! [`TimelineReader`] listens to a restore's events and records each task as a [`Span`]; [`Recording`] is
//! the result, as JSON for tools and as a page for people. [`Totals`] adds up work by kind, for
//! that page and for the nights of a log.

mod axis;
mod gantt;
mod kind;
pub mod page;
mod recorder;
mod recording;
mod restore;
mod tables;
mod totals;

pub use gantt::{Bar, BarMark, Gantt};
pub use kind::WorkKind;
pub use recorder::TimelineReader;
pub use recording::{FailedEntry, Recording, Span, SpanEnd, StepAt};
pub(crate) use tables::{facts, kinds, longest, share};
pub use totals::{KindTotals, Totals, WorkedEntry};
