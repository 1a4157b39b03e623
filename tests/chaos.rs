//! Chaos: restores with `--resume` that are disturbed at random moments, in every way that a night
//! knows. However each ends, the next one makes the right database of it.
//!
//! A round takes an archive of some format, some number of jobs and one of the families of
//! [`disturbance::Family`]; its seed is printed and repeats it:
//!
//! ```text
//! NOCTURNE_CHAOS_SEED=42 NOCTURNE_CHAOS_ROUNDS=1 cargo test --test chaos
//! ```
//!
//! `NOCTURNE_CHAOS_FAMILY=Crashed` asks for rounds of one family. `make chaos` runs 200 rounds. A family that had no chance to disturb anything fails the run.

// Its helpers are tests as well, where a broken expectation may panic.
#![allow(clippy::unwrap_used)]

#[path = "chaos/archives.rs"]
mod archives;
mod common;
#[path = "chaos/disk.rs"]
mod disk;
#[path = "chaos/disturbance.rs"]
mod disturbance;
#[path = "chaos/random.rs"]
mod random;
#[path = "chaos/round.rs"]
mod round;
#[path = "chaos/server.rs"]
mod server;

use std::collections::{BTreeMap, HashMap};

use archives::Source;
use disk::SmallDisk;
use disturbance::Family;
use round::{Round, World};
use server::Server;

/// Rounds when nothing else is asked for: a little more than one for each family.
const ROUNDS: u64 = 15;

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn however_a_restore_is_disturbed_the_next_one_ends_well() {
    let rounds = variable("NOCTURNE_CHAOS_ROUNDS").unwrap_or(ROUNDS);
    let first = variable("NOCTURNE_CHAOS_SEED").unwrap_or_else(random::seed);
    let mut disturbed: BTreeMap<Family, (u64, u64)> = BTreeMap::new();
    let mut seeds = (0..rounds).map(|round| first.wrapping_add(round)).peekable();
    while let Some(major) = seeds.peek().map(|seed| Round::major(*seed)) {
        let server = Server::start(major);
        let disk = SmallDisk::mount(&server.cluster);
        let source = Source::make(&server.cluster);
        let durations = HashMap::new();
        let mut world = World { server: &server, disk: &disk, source: &source, durations };
        while let Some(seed) = seeds.next_if(|seed| Round::major(*seed) == major) {
            let mut round = Round::new(seed);
            eprintln!("NOCTURNE_CHAOS_SEED={seed}: PostgreSQL {major}, {round}");
            let _named = OnPanic(seed);
            let was_disturbed = round.run(&mut world);
            let (all, with_effect) = disturbed.entry(round.family).or_default();
            *all += 1;
            *with_effect += u64::from(was_disturbed);
        }
    }
    for (family, (all, with_effect)) in &disturbed {
        eprintln!("{family:?}: {with_effect} of {all} rounds disturbed");
    }
    // One round may come too late; of a whole turn of all families each must have done its part.
    if rounds >= Family::ALL.len() as u64 {
        let wanted = Family::asked_for().map_or(Family::ALL.to_vec(), |family| vec![family]);
        for family in wanted {
            let with_effect = disturbed.get(&family).map_or(0, |(_, with_effect)| *with_effect);
            assert!(with_effect > 0, "{family:?} has tested nothing (seeds from {first})");
        }
    }
}

/// Says how to repeat the round that panics.
struct OnPanic(u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat it with NOCTURNE_CHAOS_SEED={} NOCTURNE_CHAOS_ROUNDS=1", self.0);
        }
    }
}
