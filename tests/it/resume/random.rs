//! The program or its sessions are ended at random moments, with a seed that is printed:
//! `NOCTURNE_SEED` repeats a run, and `NOCTURNE_ROUNDS` makes it longer.

use std::time::{Duration, Instant};

use super::source::{SOURCE, Source, assert_whole};
use crate::common::random::{Random, seed, variable};
use crate::common::versions::newest;
use crate::common::{Running, cluster, restore};

/// Default number of rounds.
const ROUNDS: u64 = 6;

/// Maximum number of further rounds if those disturbed nothing.
const MORE: u64 = 10;

fn seeded() -> Random {
    let seed = variable("NOCTURNE_SEED").unwrap_or_else(seed);
    println!("NOCTURNE_SEED={seed}");
    Random::new(seed)
}

/// Sessions are ended at random while the restore survives.
#[test]
fn randomly_terminated_restores_end_well() {
    let mut random = seeded();
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let mut ended = 0;
    let rounds = variable("NOCTURNE_ROUNDS").unwrap_or(ROUNDS);
    for round in 0..rounds + MORE {
        if round >= rounds && ended > 0 {
            break;
        }
        let target = cluster.fresh_db("random");
        let jobs = random.one(&["1", "2", "4"]);
        let args = ["-j", jobs, "--split-size", "64kB", "--resume"];
        let mut running = Running::start(&source.path(), &target.url(), &args);
        while !running.has_ended() {
            std::thread::sleep(random.within(Duration::from_millis(400)));
            let victim = "pid = (SELECT pid FROM pg_stat_activity WHERE application_name LIKE \
                 'nocturne%' AND datname = current_database() ORDER BY random() LIMIT 1)";
            ended += target.kill_backends(victim);
        }
        let first = running.wait();
        if first.finished.code() != 0 {
            // It was too much for an entry, or for the run.
            restore(&source.path(), &target, &args).expect(0);
        }
        println!("round {round}: -j {jobs}, {ended} sessions ended so far");
        assert_whole(&source, &target);
    }
    assert!(ended > 0, "nothing was tested");
}

#[test]
fn randomly_killed_restores_end_well() {
    let mut random = seeded();
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let mut killed = 0;
    let rounds = variable("NOCTURNE_ROUNDS").unwrap_or(ROUNDS);
    for round in 0..rounds + MORE {
        if round >= rounds && killed > 0 {
            break;
        }
        let target = cluster.fresh_db("random");
        // Duration of an undisturbed restore on this machine.
        let jobs = random.one(&["1", "2", "4"]);
        let args = ["-j", jobs, "--split-size", "64kB", "--resume"];
        let started = Instant::now();
        let undisturbed = cluster.fresh_db("random");
        restore(&source.path(), &undisturbed, &args).expect(0);
        let whole = started.elapsed();
        for _ in 0..4 {
            let mut running = Running::start(&source.path(), &target.url(), &args);
            std::thread::sleep(random.within(whole));
            if running.has_ended() {
                break;
            }
            running.kill();
            killed += 1;
        }
        let last = restore(&source.path(), &target, &args);
        // A finished restore is not started again.
        let finished = last.stderr().contains("a finished restore is not started again");
        assert!(finished || last.finished.code() == 0, "{}", last.finished);
        println!("round {round}: -j {jobs}, killed {killed} times so far");
        assert_whole(&source, &target);
    }
    assert!(killed > 0, "nothing was tested");
}
