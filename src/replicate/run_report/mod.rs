//! The report of a night: of one run of the replication, as far as a log covers it.
//!
//! [`LoggedRun`] is the model. It is reported as text in the format of the replaced script
//! ([`text`]), as a page with a timeline (`page`), and as JSON by serde. Runs come from
//! [`super::logs`] or, at the end of a night, from [`LoggedRun::of_night`].

mod chart;
mod live;
mod logged_run;
mod page;
pub mod text;

pub use logged_run::{
    ItemEnd, LoggedRun, Moment, NightEntry, Part, Phases, RunEnd, Shape, StageSpan,
};
pub use page::page;
pub use text::Lang;
