//! Random databases: nocturne restores of them what pg_restore restores.
//!
//! A round creates a database with objects of some of the kinds of [`kinds::Kind`] and rows in
//! them, dumps it in some format, and restores it with pg_restore and in two or three ways with
//! nocturne. Its seed is printed when it fails, and repeats it:
//!
//! ```text
//! NOCTURNE_RANDOM_SEED=42 NOCTURNE_RANDOM_ROUNDS=1 cargo test --test it -- --nocapture random::
//! ```
//!
//! A single round that fails is reduced to fewer and fewer statements, which takes minutes.
//! `NOCTURNE_RANDOM_KIND=Views,Keys` limits the databases to these kinds. `make random` runs
//! 2000 rounds.

mod extension;
mod guards;
mod judge;
pub mod kinds;
pub mod names;
mod objects;
mod partitions;
mod readers;
mod round;
mod shrink;
mod shuffled;
pub mod source;
mod tables;
mod triggers;
mod types;
mod values;
mod views;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::common::random::{seed, variable};
use kinds::Kind;
use round::{Failure, Round};

/// Default number of rounds: always the same ones, so that a failure comes from the last change.
const ROUNDS: u64 = 25;

/// The seed of the first of them.
const SEED: u64 = 1;

#[test]
fn random_database_restores_as_with_pg_restore() {
    let rounds = variable("NOCTURNE_RANDOM_ROUNDS").unwrap_or(ROUNDS);
    let unseeded = if rounds > ROUNDS { seed() } else { SEED };
    let first = variable("NOCTURNE_RANDOM_SEED").unwrap_or(unseeded);
    eprintln!("NOCTURNE_RANDOM_SEED={first}");
    let (next, right) = (AtomicU64::new(0), AtomicU64::new(0));
    let tally: Mutex<BTreeMap<Kind, u64>> = Mutex::default();
    let failed: Mutex<Vec<u64>> = Mutex::default();
    let work = || {
        while let number = next.fetch_add(1, Ordering::Relaxed)
            && number < rounds
        {
            let round = Round::new(first.wrapping_add(number));
            let started = Instant::now();
            let ended = catch_unwind(AssertUnwindSafe(|| round.run()));
            let seconds = started.elapsed().as_secs_f32();
            eprintln!("NOCTURNE_RANDOM_SEED={}: {round}, {seconds:.1} s", round.seed);
            if let Ok(Ok(is_right)) = ended {
                right.fetch_add(u64::from(is_right), Ordering::Relaxed);
            } else {
                report(&round, ended.ok().and_then(Result::err), rounds == 1);
                failed.lock().unwrap().push(round.seed);
            }
            let mut tally = tally.lock().unwrap();
            round.kinds.iter().for_each(|kind| *tally.entry(*kind).or_default() += 1);
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let (tally, failed) = (tally.into_inner().unwrap(), failed.into_inner().unwrap());
    let right = right.into_inner();
    eprintln!("{rounds} rounds with {tally:?}; pg_restore is right in {right}");
    assert!(failed.is_empty(), "{} of {rounds} rounds fail: {failed:?}", failed.len());
    if rounds >= ROUNDS {
        assert!(right * 3 > rounds, "pg_restore is wrong in most rounds: they prove little");
        for kind in Kind::asked_for() {
            assert!(tally.contains_key(&kind), "{kind:?} has tested nothing");
        }
    }
}

/// Prints how a round fails, how to repeat it, and where its statements are.
fn report(round: &Round, failure: Option<Failure>, shrinks: bool) {
    let seed = round.seed;
    let keep = |name: &str, statements: &[String]| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("random-{seed}{name}.sql"));
        fs::write(&path, round.script(statements)).unwrap();
        path
    };
    let path = keep("", &round.statements());
    eprintln!("--- round {seed} fails");
    eprintln!("repeat with NOCTURNE_RANDOM_SEED={seed} NOCTURNE_RANDOM_ROUNDS=1");
    eprintln!("its statements are in {}", path.display());
    // Without a difference a tool has failed and reported it.
    let Some(Failure { way, reason }) = failure else { return };
    eprintln!("{way:?}: {reason}");
    if shrinks {
        let few = shrink::shrink(round, way);
        eprintln!("a smaller failing set of statements is in {}:", keep("-small", &few).display());
        few.iter().for_each(|statement| eprintln!("{statement};"));
    }
}
