//! A night: one run of the replication, as far as a log tells of it.
//!
//! [`Run`] is the model. It is told as text in the form of the script that it replaces ([`text`]),
//! as a page with a timeline (`page`), and as JSON by serde. They come from [`super::logs`], or,
//! when a night has just ended, from [`Run::of_night`].

mod chart;
mod live;
mod page;
mod run;
pub mod text;

pub use page::page;
pub use run::{Item, ItemEnd, Moment, Part, Phases, Run, RunEnd, Shape, StageSpan};
pub use text::Lang;
