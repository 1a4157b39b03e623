//! Whole nights: from a fake host's API and its archive, written by a real pg_dump, to a warehouse
//! owned by a role that is not a superuser; compared with the result of the old system's steps.

mod again;
mod before_drop;
mod case;
mod delta;
mod dry_run;
mod excluded;
mod failures;
mod foreseen;
mod handed_over;
mod interrupted;
mod kept;
mod not_restored;
mod old_steps;
mod others;
mod owners;
mod partitions;
mod passing;
mod planted;
mod refused;
mod replaced;
mod scene;
mod settings;
mod source;
mod swapped;
mod tables;
mod versions;
mod views;
