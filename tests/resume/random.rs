//! The program, or its sessions, ended at random moments, with a seed that is printed: `NOCTURNE_SEED` repeats a run, and
//! `NOCTURNE_ROUNDS` makes it longer.

use std::time::Instant;

use crate::common::versions::newest;
use crate::common::{Running, cluster, restore};
use crate::source::{SOURCE, Source, assert_whole};

/// Rounds when nothing else is asked for.
const ROUNDS: u64 = 6;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let seed = variable("NOCTURNE_SEED").unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.unwrap().as_nanos() as u64
        });
        println!("NOCTURNE_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % limit
    }
}

/// Sessions are ended at random while the restore lives on.
#[test]
fn restores_whose_sessions_are_ended_at_any_moment_end_well() {
    let mut random = Random::seeded();
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let mut ended = 0;
    for round in 0..variable("NOCTURNE_ROUNDS").unwrap_or(ROUNDS) {
        let target = cluster.fresh_db("random");
        let jobs = ["1", "2", "4"][random.below(3) as usize];
        let args = ["-j", jobs, "--split-size", "64kB", "--resume"];
        let mut running = Running::start(&source.path(), &target.url(), &args);
        while !running.has_ended() {
            std::thread::sleep(std::time::Duration::from_millis(random.below(400)));
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
fn restores_killed_at_any_moment_end_well() {
    let mut random = Random::seeded();
    let cluster = cluster(newest());
    let source = Source::of(cluster, SOURCE, &["--format=custom"]);
    let mut killed = 0;
    for round in 0..variable("NOCTURNE_ROUNDS").unwrap_or(ROUNDS) {
        let target = cluster.fresh_db("random");
        // How long an undisturbed one takes on this machine.
        let jobs = ["1", "2", "4"][random.below(3) as usize];
        let args = ["-j", jobs, "--split-size", "64kB", "--resume"];
        let started = Instant::now();
        let undisturbed = cluster.fresh_db("random");
        restore(&source.path(), &undisturbed, &args).expect(0);
        let whole = started.elapsed();
        for _ in 0..4 {
            let mut running = Running::start(&source.path(), &target.url(), &args);
            std::thread::sleep(whole.mul_f64(random.below(1000) as f64 / 1000.0));
            if running.has_ended() {
                break;
            }
            running.kill();
            killed += 1;
        }
        let last = restore(&source.path(), &target, &args);
        // One that is finished is not begun again.
        let finished = last.stderr().contains("a restore that was finished is not begun again");
        assert!(finished || last.finished.code() == 0, "{}", last.finished);
        println!("round {round}: -j {jobs}, killed {killed} times so far");
        assert_whole(&source, &target);
    }
    assert!(killed > 0, "nothing was tested");
}
