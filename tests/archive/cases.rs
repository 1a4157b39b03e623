//! Runs many damaged archives: each case must finish in time and without a panic.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use nocturne::archive::digests::Digests;

use crate::fixtures::verified;

/// Time limit of one case on a busy machine; a case takes a few milliseconds.
const DEADLINE: Duration = Duration::from_secs(300);

/// Panics on any thread, including threads that are never joined.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The outcome for a damaged archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Verification reports an error.
    Refused(String),
    /// Verification finds nothing, but the digests differ.
    Differs(String),
    /// It reads like the undamaged archive.
    Same,
}

/// Verifies the archive at `path` and compares it with the digests of the undamaged one.
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

/// Runs `work` on a thread for each of `parts`; it calls its argument before each case with a
/// description of the case. Fails when a case takes too long or anything panics.
pub fn run<P: Send + 'static>(
    parts: Vec<P>,
    work: impl Fn(P, &dyn Fn(String)) + Send + Sync + 'static,
) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Panics of the tests' own threads surface where they are joined.
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
        // A worker that is out of work has long been at its last case, but then the other is not.
        let newest = running.iter().max_by_key(|(_, started)| *started).unwrap();
        assert!(newest.1.elapsed() < DEADLINE, "a case hangs: {running:?}");
    }
    for worker in workers {
        if let Err(panic) = worker.join() {
            std::panic::resume_unwind(panic);
        }
    }
    // Not under the lock: the panic hook takes it when this fails.
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(panics.is_empty(), "{panics:?}");
}
