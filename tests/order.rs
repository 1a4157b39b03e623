//! Dependencies that the archive does not show: each case ends as pg_restore's default does,
//! whatever order the jobs start in.
//!
//! `NOCTURNE_ORDER_ROUNDS` tries more random orders of each case, `NOCTURNE_ORDER_SEED` repeats
//! those of a failure.

// Test helpers may panic when an expectation fails.
#![allow(clippy::unwrap_used)]

#[path = "order/bodies.rs"]
mod bodies;
#[path = "order/case.rs"]
mod case;
mod common;
#[path = "order/functions.rs"]
mod functions;
#[path = "order/hidden.rs"]
mod hidden;
#[path = "order/keys.rs"]
mod keys;
#[path = "order/passes.rs"]
mod passes;
#[path = "order/random.rs"]
mod random;
#[path = "order/told.rs"]
mod told;
