//! What a restore sets on real servers, and what it leaves behind for speed: frozen rows,
//! statistics, memory and parallel workers.

mod analyze;
mod frozen;
mod session;
