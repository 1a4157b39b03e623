//! Chaos: restores with `--resume` that are disturbed at random moments, in every way that can
//! happen at night. However each one ends, the next one completes the right database.
//!
//! A round draws an archive format, a number of jobs and one of the families of
//! [`disturbance::Family`]; its seed is printed and repeats it:
//!
//! ```text
//! NOCTURNE_CHAOS_SEED=42 NOCTURNE_CHAOS_ROUNDS=1 cargo test --test it chaos::
//! ```
//!
//! `NOCTURNE_CHAOS_FAMILY=Crashed` selects one family. `make chaos` runs 200 rounds. A
//! disturbance may come too late or have no effect: a family without any effect gets
//! further rounds until it has one, and fails the run if it still has none.

mod archives;
mod disturbance;
mod round;
mod server;

use std::collections::{BTreeMap, HashMap};

use crate::common::SmallDisk;
use crate::common::random::{seed, variable};
use archives::Source;
use disturbance::Family;
use round::{Round, World};
use server::Server;

/// Default number of rounds: slightly more than one per family.
const ROUNDS: u64 = 15;

/// Maximum number of further rounds for a family without any effect.
const MORE: usize = 10;

/// Rounds of each family, and how many of them had an effect.
type Tally = BTreeMap<Family, (u64, u64)>;

fn effects(tally: &Tally, family: Family) -> u64 {
    tally.get(&family).map_or(0, |(_, with_effect)| *with_effect)
}

#[test]
fn disturbed_restore_ends_well_on_the_next_run() {
    let rounds = variable("NOCTURNE_CHAOS_ROUNDS").unwrap_or(ROUNDS);
    let first = variable("NOCTURNE_CHAOS_SEED").unwrap_or_else(seed);
    let mut tally = Tally::new();
    run((0..rounds).map(|round| first.wrapping_add(round)), &mut tally, |_| false);
    // Over one turn of all families, each must have had an effect.
    if rounds >= Family::ALL.len() as u64 {
        let wanted = Family::asked_for().map_or(Family::ALL.to_vec(), |family| vec![family]);
        for family in &wanted {
            let later = (rounds..).map(|round| first.wrapping_add(round));
            let more = later.filter(|seed| Round::new(*seed).family == *family).take(MORE);
            run(more, &mut tally, |tally| effects(tally, *family) > 0);
        }
        for (family, (all, with_effect)) in &tally {
            eprintln!("{family:?}: {with_effect} of {all} rounds disturbed");
        }
        for family in wanted {
            let with_effect = effects(&tally, family);
            assert!(with_effect > 0, "{family:?} has tested nothing (seeds from {first})");
        }
    }
}

/// Runs the rounds of these seeds until they suffice. Consecutive rounds of one version
/// share a server.
fn run(seeds: impl Iterator<Item = u64>, tally: &mut Tally, is_enough: impl Fn(&Tally) -> bool) {
    let mut seeds = seeds.peekable();
    while !is_enough(tally)
        && let Some(major) = seeds.peek().map(|seed| Round::major(*seed))
    {
        let server = Server::start(major);
        let disk = SmallDisk::mount(&server.cluster, "96M");
        let source = Source::make(&server.cluster);
        let durations = HashMap::new();
        let mut world = World { server: &server, disk: &disk, source: &source, durations };
        while !is_enough(tally)
            && let Some(seed) = seeds.next_if(|seed| Round::major(*seed) == major)
        {
            let mut round = Round::new(seed);
            eprintln!("NOCTURNE_CHAOS_SEED={seed}: PostgreSQL {major}, {round}");
            let _named = OnPanic(seed);
            let was_disturbed = round.run(&mut world);
            let (all, with_effect) = tally.entry(round.family).or_default();
            *all += 1;
            *with_effect += u64::from(was_disturbed);
        }
    }
}

/// Prints how to repeat the round that panics.
struct OnPanic(u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with NOCTURNE_CHAOS_SEED={} NOCTURNE_CHAOS_ROUNDS=1", self.0);
        }
    }
}
