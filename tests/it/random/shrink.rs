//! Fewer statements that make a restore fail in the same way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::round::{Round, Way};

/// Maximum number of restores.
const TRIES: usize = 150;

/// Removes as many statements as it can, halves first and single ones last.
pub fn shrink(round: &Round, way: Way) -> Vec<String> {
    let mut left = round.statements();
    if !fails(round, &left, way) {
        eprintln!("it does not fail every time");
    }
    let mut tries = 0;
    let mut size = left.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < left.len() {
            let mut fewer = left.clone();
            fewer.drain(at..(at + size).min(left.len()));
            tries += 1;
            if tries > TRIES {
                return left;
            }
            // A random failure gets another attempt.
            if (0..2).any(|_| fails(round, &fewer, way)) {
                left = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    left
}

fn fails(round: &Round, statements: &[String], way: Way) -> bool {
    let tried = catch_unwind(AssertUnwindSafe(|| round.run_part(statements, way)));
    matches!(tried, Ok(Err(_)))
}
