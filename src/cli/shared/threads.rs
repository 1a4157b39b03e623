//! The threads and signals of a command.
//!
//! Tries out the threads that a command needs before it starts: a runtime or a pool without threads
//! panics or waits forever, after a night has already dropped its target.

use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::thread::{Builder, available_parallelism};

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::exit::{CommandFailure, CommandResult, ERRORS, INTERRUPTED};

/// Threads in addition to the runtime's and the jobs': they draw bars, read a stream, download,
/// resolve host names, read files.
const OTHERS: usize = 8;

/// Decoders per job (see [`crate::restore`]).
const OF_A_JOB: usize = 2;

/// The most jobs whose threads are tried. A restore uses more only if the plan has work and the
/// server has connections for them.
const TRIED: usize = 64;

/// The maximum number of sessions for `--jobs auto`.
const MOST_AUTOMATIC_JOBS: usize = 8;

/// The number of sessions for `--jobs auto`.
pub(crate) fn automatic_jobs() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().clamp(2, MOST_AUTOMATIC_JOBS))
}

/// A runtime for a command with this many jobs.
///
/// # Errors
/// If the system cannot start the threads that it needs.
pub(crate) fn runtime(jobs: usize) -> Result<Runtime, CommandFailure> {
    let workers = available_parallelism().map_or(1, NonZeroUsize::get);
    room_for(workers + jobs.min(TRIED) * OF_A_JOB)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|error| CommandFailure::of(ERRORS, &error))
}

/// Checks that this many threads can be started, and a few more.
///
/// # Errors
/// If the system cannot start them.
pub(crate) fn room_for(count: usize) -> Result<(), CommandFailure> {
    let count = count.saturating_add(OTHERS);
    let mut threads = Vec::new();
    let mut refused = None;
    for _ in 0..count {
        let (go, wait) = mpsc::channel::<()>();
        // The thread ends with an error when its sender is dropped.
        match Builder::new().stack_size(0).spawn(move || wait.recv()) {
            Ok(thread) => threads.push((thread, go)),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let started = threads.len();
    let (threads, senders): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
    drop(senders);
    for thread in threads {
        // It cannot panic, and its error is the signal to end.
        let _ = thread.join();
    }
    refused.map_or(Ok(()), |error| {
        let message = format!(
            "cannot start {count} threads, only {started}: {error}\n\
             hint: raise the limit of processes (ulimit -u, or that of the container), or lower \
             the number of jobs"
        );
        Err(CommandFailure::new(ERRORS, message))
    })
}

/// Resolves when the user or the system asks to stop, from this call on.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    let mut signals: Vec<_> =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
            .into_iter()
            .filter_map(|kind| signal(kind).ok())
            .collect();
    async move {
        let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(waits).await;
    }
}

/// Runs `work`, which ends when its token is cancelled; the first signal cancels it. Stopping on
/// request is a success: the host restarts processes that end otherwise. A second signal ends the
/// process at once.
#[cfg(feature = "replicate")]
pub(crate) fn until_signal<F: Future<Output = CommandResult>>(
    jobs: usize,
    work: impl FnOnce(CancellationToken) -> F,
) -> CommandResult {
    let runtime = runtime(jobs)?;
    let outcome = runtime.block_on(async {
        let stop = CancellationToken::new();
        let signals = async {
            interrupted().await;
            stop.cancel();
            interrupted().await;
        };
        tokio::select! {
            outcome = Box::pin(work(stop.clone())) => outcome,
            () = signals => Err(CommandFailure::new(INTERRUPTED, "stopped by a second signal")),
        }
    });
    // Do not wait for blocked threads, such as a decoder.
    runtime.shutdown_background();
    outcome
}
