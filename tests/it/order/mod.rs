//! Dependencies that the archive does not show: each case ends as pg_restore's default does,
//! whatever order the jobs start in.
//!
//! `NOCTURNE_ORDER_ROUNDS` tries more random orders of each case, `NOCTURNE_ORDER_SEED` repeats
//! those of a failure.

mod bodies;
mod case;
mod functions;
mod hidden;
mod keys;
mod passes;
mod random;
mod texts;
mod told;
