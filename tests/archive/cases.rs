//! Runs many damaged archives: each must be done in time, and without a panic.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use nocturne::verify::Digests;

use crate::fixtures::verified;

/// The time for one case, which takes some milliseconds, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(300);

/// Panics on any thread, also those that nobody waits for.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What became of a damaged archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Verifying says what is wrong.
    Refused(String),
    /// Verifying finds nothing, but the digests differ.
    Differs(String),
    /// It reads as the undamaged archive does.
    Same,
}

/// Verifies the archive at `path`, and compares it with the digests of the undamaged one.
pub fn outcome(path: &Path, digests: &Digests) -> Outcome {
    let report = match verified(path) {
        Ok(report) => report,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    if let Some(fault) = report.faults().next() {
        return Outcome::Refused(fault);
    }
    match digests.compare(&report.digests(), false).first() {
        Some(difference) => Outcome::Differs(difference.to_string()),
        None => Outcome::Same,
    }
}

/// Does `work` on a thread for each of `parts`, which calls its argument before each case with
/// what the case is. Fails when a case takes too long, or when anything panics.
pub fn run<P: Send + 'static>(
    parts: Vec<P>,
    work: impl Fn(P, &dyn Fn(String)) + Send + Sync + 'static,
) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Those of the tests themselves show where they are joined.
            if info.location().is_none_or(|location| !location.file().starts_with("tests/")) {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
            }
            before(info);
        }));
    });
    let work = Arc::new(work);
    let queue = Arc::new(Mutex::new(parts));
    let (tell, told) = channel();
    let worker = |worker: usize| {
        let (work, queue, tell) = (work.clone(), queue.clone(), tell.clone());
        std::thread::spawn(move || {
            loop {
                let Some(part) = queue.lock().unwrap().pop() else { break };
                work(part, &|case| tell.send((worker, case)).unwrap());
            }
        })
    };
    let workers = [worker(0), worker(1)];
    drop(tell);
    let mut running = [(String::new(), Instant::now()), (String::new(), Instant::now())];
    loop {
        match told.recv_timeout(Duration::from_secs(1)) {
            Ok((worker, case)) => running[worker] = (case, Instant::now()),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        // A worker without work has long been at its last case, but then the other one is not.
        let newest = running.iter().max_by_key(|(_, started)| *started).unwrap();
        assert!(newest.1.elapsed() < DEADLINE, "a case hangs: {running:?}");
    }
    for worker in workers {
        if let Err(panic) = worker.join() {
            std::panic::resume_unwind(panic);
        }
    }
    // Not under the lock, which the hook wants when this fails.
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(panics.is_empty(), "{panics:?}");
}
