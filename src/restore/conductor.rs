//! Gives the jobs of a plan to the sessions, and the data of a stream to the jobs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::barrier::Barrier;
use super::context::{Context, Finished};
use super::costing::Costing;
use super::event::{EntryRef, Event, Outcome};
use super::failure::WorkError;
use super::feed::Arrival;
use super::lane::Lane;
use super::load::{Loaded, Source, Triggers, load, missing_object};
use super::options::Transactions;
use super::share::may_share;
use super::stages;
use super::steps::restore_step;
use super::work::restore_entry;
use super::workers::Workers;
use super::{Error, Result};
use crate::archive::{self, stream::ItemOf};
use crate::plan::cost::Costs;
use crate::plan::{JobId, Plan, Schedule, Step, builds_index};

/// Carries out the jobs of a plan.
///
/// Jobs whose data comes as a stream start when it comes; a session that gets free takes such a job
/// first, because the stream waits for it.
pub(super) struct Conductor {
    ctx: Arc<Context>,
    schedule: Schedule,
    costing: Costing,
    idle: Vec<Lane>,
    /// The server's processors, where they are known: those of this machine.
    processors: Option<usize>,
    running: JoinSet<(Lane, Task, Option<ObjectResult>)>,
    workers: Workers,
    stream: Option<Receiver<Arrival>>,
    /// Data that has come and waits for a session.
    waiting: Option<Waiting>,
    /// Jobs by the place of their entry.
    jobs: HashMap<usize, JobId>,
    /// Large objects that come one by one.
    objects: HashMap<JobId, Objects>,
    /// Why the stream ended, if it did not end well.
    broken: Option<archive::Error>,
    /// Jobs that wait until all rows are there; `None` once nothing waits for that any more.
    barrier: Option<Barrier>,
}

#[derive(Clone, Copy, Debug)]
enum Task {
    Job(JobId),
    /// One large object of the job's entry.
    Object(JobId),
}

struct Waiting {
    job: JobId,
    source: Source,
    /// The large object that it is, if it is only one of the job's entry.
    object: Option<u32>,
}

type ObjectResult = std::result::Result<Loaded, WorkError>;

/// What has come of an entry's large objects so far.
#[derive(Default)]
struct Objects {
    seen: HashSet<u32>,
    /// Those that are being loaded.
    running: usize,
    loaded: Loaded,
    failure: Option<WorkError>,
    time: Duration,
    since: Option<Instant>,
}

impl Conductor {
    /// Takes a plan, idle sessions, and the stream if there is one.
    pub(super) fn new(
        ctx: Arc<Context>,
        plan: &Plan,
        costs: Costs,
        idle: Vec<Lane>,
        stream: Option<Receiver<Arrival>>,
    ) -> Self {
        let streaming = stream.is_some();
        let schedule = Schedule::new(plan, |job| {
            let loads = !job.step.is_analyze() && ctx.is_to_load(job.entry);
            streaming && job.wanted && loads || Barrier::holds(&ctx, job)
        });
        let barrier = Barrier::of(&ctx, plan);
        let jobs = plan.jobs.iter().enumerate().filter(|(_, job)| !job.step.is_analyze());
        let jobs = jobs.map(|(id, job)| (job.entry, JobId(id))).collect();
        Self {
            ctx,
            schedule,
            costing: Costing::new(costs),
            processors: idle.first().and_then(Lane::processors),
            idle,
            running: JoinSet::new(),
            workers: Workers::default(),
            stream,
            waiting: None,
            jobs,
            objects: HashMap::new(),
            broken: None,
            barrier,
        }
    }

    /// Runs until every job is done, or until the first error if that was asked for. Gives back
    /// the sessions.
    pub(super) async fn run(mut self) -> Result<Vec<Lane>> {
        loop {
            self.start_jobs();
            if self.must_stop() {
                // Running jobs are let finish: they may be a COMMIT away from being done.
                while let Some(done) = self.running.join_next().await {
                    self.take_back(done)?;
                }
                self.finish_objects(false);
                if let Some(error) = self.broken {
                    return Err(Error::Stream(error));
                }
                let lost = self.ctx.ledger().server_lost.take();
                return Err(lost.map_or(Error::Stopped, Error::ServerLost));
            }
            if self.running.is_empty() && self.waiting.is_none() && self.stream.is_none() {
                let Some(barrier) = self.barrier.take() else {
                    return Ok(self.idle);
                };
                stages::after_data(&self.ctx, &mut self.idle).await?;
                barrier.lift().for_each(|job| self.schedule.open(job));
                continue;
            }
            let wants_data = self.waiting.is_none() && self.stream.is_some();
            tokio::select! {
                Some(done) = self.running.join_next() => self.take_back(done)?,
                arrival = next_arrival(&mut self.stream), if wants_data => self.arrived(arrival),
                () = self.ctx.shares.wanted(), if !self.idle.is_empty() => {}
            }
        }
    }

    fn must_stop(&self) -> bool {
        let ledger = self.ctx.ledger();
        let failed = || ledger.errors > 0 || self.objects.values().any(|o| o.failure.is_some());
        let broken = ledger.server_lost.is_some() || self.broken.is_some();
        broken || (self.ctx.options.exit_on_error && failed())
    }

    /// Starts as many jobs as there are idle sessions.
    fn start_jobs(&mut self) {
        let mut starting = Vec::new();
        while !self.must_stop()
            && let Some(lane) = self.idle.pop()
        {
            match self.next_job() {
                Some(waiting) => starting.push((lane, waiting)),
                None => {
                    self.idle.push(lane);
                    break;
                }
            }
        }
        self.share_workers(&mut starting);
        for (mut lane, waiting) in starting {
            lane.may_share = self.may_share(&waiting);
            self.start(lane, waiting);
        }
        if !self.must_stop() {
            self.help();
            self.break_deadlock();
        }
    }

    /// Whether other sessions may help to load a table.
    fn may_share(&self, waiting: &Waiting) -> bool {
        let streamed = matches!(waiting.source, Source::Stream { .. });
        waiting.object.is_none()
            && may_share(&self.ctx, &self.schedule, waiting.job, streamed, self.at_once(streamed))
    }

    /// How many sessions can work at the same time. A stream that comes as fast as it is taken keeps
    /// a processor of this machine busy.
    fn at_once(&self, streamed: bool) -> usize {
        let sessions = self.ctx.options.jobs;
        let reading = usize::from(streamed);
        self.processors.map_or(sessions, |count| sessions.min(count.saturating_sub(reading)))
    }

    /// Lets sessions that find no job help with the rows of large tables.
    fn help(&mut self) {
        while let Some(lane) = self.idle.pop() {
            if let Some(lane) = self.ctx.shares.help(lane) {
                return self.idle.push(lane);
            }
        }
    }

    /// The job that a session is to do next: the one that the stream waits for first.
    fn next_job(&mut self) -> Option<Waiting> {
        if let Some(waiting) = self.waiting.take() {
            let startable = if waiting.object.is_some() {
                self.schedule.is_free(waiting.job)
            } else {
                self.schedule.take_this(waiting.job)
            };
            if startable {
                return Some(waiting);
            }
            self.waiting = Some(waiting);
        }
        let job = self.schedule.take()?;
        Some(Waiting { job, source: Source::Archive, object: None })
    }

    /// Lets index builds use the processors of the sessions that found no job.
    fn share_workers(&mut self, starting: &mut [(Lane, Waiting)]) {
        if !self.ctx.shares_workers() {
            return;
        }
        let builds = |waiting: &Waiting| {
            let job = self.schedule.job(waiting.job);
            builds_index(self.ctx.entry(job.entry), job.step).then_some(job.rank)
        };
        let ranks: Vec<_> = starting
            .iter()
            .filter_map(|(lane, waiting)| Some((lane.number, builds(waiting)?)))
            .collect();
        let busy = self.running.len() + starting.len();
        let lent = self.workers.lend(self.at_once(false).saturating_sub(busy), &ranks);
        for (lane, waiting) in starting {
            let count = || lent.filter(|(number, _)| *number == lane.number).map_or(0, |(_, n)| n);
            lane.workers = builds(waiting).map(|_| count());
        }
    }

    fn start(&mut self, mut lane: Lane, waiting: Waiting) {
        let Waiting { job, source, object } = waiting;
        let (ctx, place) = (self.ctx.clone(), self.schedule.job(job).entry);
        if let Some(oid) = object {
            let objects = self.objects.entry(job).or_default();
            objects.seen.insert(oid);
            objects.running += 1;
            if objects.since.is_none() {
                objects.since = Some(Instant::now());
                let entry = EntryRef::from(ctx.entry(place));
                ctx.events.send(Event::Started { entry, lane: lane.number, data_bytes: None });
            }
            self.running.spawn(async move {
                let result =
                    Box::pin(load(&ctx, &mut lane, ctx.entry(place), source, Triggers::AsTheyAre))
                        .await;
                (lane, Task::Object(job), Some(result))
            });
        } else {
            let step = self.schedule.job(job).step;
            self.costing.begin(job);
            self.running.spawn(async move {
                lane.set_workers(&ctx).await;
                match step {
                    Step::Entire if !ctx.is_begun(place) => {
                        restore_entry(&ctx, &mut lane, place, source).await;
                    }
                    step => restore_step(&ctx, &mut lane, place, step).await,
                }
                (lane, Task::Job(job), None)
            });
        }
    }

    /// The data that waits needs something that nothing that runs will bring: another entry's data
    /// that comes later in the stream. It cannot be kept until then.
    fn break_deadlock(&mut self) {
        if !self.running.is_empty() {
            return;
        }
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        let place = self.schedule.job(waiting.job).entry;
        let what =
            "an entry that it depends on comes later in the stream: give the archive as a file";
        let failure = WorkError::Other(what.to_owned()).failure();
        let outcome = Outcome::Failed { failure };
        self.ctx.finish(place, Finished { outcome, ..Finished::default() });
        self.schedule.abandon(waiting.job);
    }

    fn take_back(
        &mut self,
        done: std::result::Result<(Lane, Task, Option<ObjectResult>), tokio::task::JoinError>,
    ) -> Result<()> {
        let (lane, task, result) =
            done.map_err(|error| Error::Internal(format!("a session's task failed: {error}")))?;
        self.workers.give_back(lane.number);
        self.idle.push(lane);
        self.idle.extend(self.ctx.shares.take_returned());
        match (task, result) {
            (Task::Job(job), _) => {
                self.schedule.finish(job);
                self.costing.end(&self.ctx, &mut self.schedule, job);
            }
            (Task::Object(job), Some(result)) => {
                let objects = self.objects.entry(job).or_default();
                objects.running -= 1;
                match result {
                    Ok(loaded) => {
                        objects.loaded.rows += loaded.rows;
                        objects.loaded.bytes += loaded.bytes;
                        objects.loaded.read += loaded.read;
                    }
                    Err(error) => drop(objects.failure.get_or_insert(error)),
                }
                objects.time = objects.since.map(|since| since.elapsed()).unwrap_or_default();
                if self.stream.is_none() && self.broken.is_none() {
                    self.finish_objects(true);
                }
            }
            (Task::Object(_), None) => {}
        }
        Ok(())
    }

    fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Item { place, item, receiver } => {
                let Some(job) = self.jobs.get(&place) else {
                    return;
                };
                let object = match item.of {
                    ItemOf::LargeObject(oid) => Some(oid),
                    ItemOf::Entry(_) => None,
                };
                let source = Source::Stream { item: Box::new(item), receiver };
                self.waiting = Some(Waiting { job: *job, source, object });
            }
            Arrival::End(Ok(())) => {
                self.stream = None;
                // What has not come by now is not in the archive; the jobs say so themselves.
                for job in self.schedule.closed() {
                    let is_held =
                        self.barrier.as_ref().is_some_and(|barrier| barrier.contains(job));
                    if !is_held && !self.objects.contains_key(&job) {
                        self.schedule.open(job);
                    }
                }
                self.finish_objects(true);
            }
            Arrival::End(Err(error)) => {
                self.stream = None;
                self.broken = Some(error);
            }
        }
    }

    /// Finishes the entries of large objects that came one by one, once the last of an entry's is
    /// loaded. Unless the stream is `complete`, only those that failed: of the others nobody knows
    /// what is still to come.
    fn finish_objects(&mut self, complete: bool) {
        let finished =
            |objects: &Objects| objects.running == 0 && (complete || objects.failure.is_some());
        let done = self.objects.extract_if(|_, objects| finished(objects)).collect::<Vec<_>>();
        for (job, objects) in done {
            let place = self.schedule.job(job).entry;
            let entry = self.ctx.entry(place);
            let missing = self.ctx.expected_objects(entry).difference(&objects.seen).min().copied();
            let outcome = match (objects.failure, missing) {
                (Some(error), _) => Outcome::Failed { failure: self.ctx.failure(entry, &error) },
                (None, Some(oid)) => {
                    let error = missing_object(&self.ctx, entry, oid);
                    Outcome::Failed { failure: self.ctx.failure(entry, &error) }
                }
                (None, None) => Outcome::Done,
            };
            let Loaded { rows, bytes, read, .. } = objects.loaded;
            let duration = objects.time;
            let uncommitted = self.ctx.options.transactions != Transactions::None;
            self.ctx.finish(
                place,
                Finished { lane: 0, outcome, rows, bytes, read, duration, uncommitted },
            );
            self.schedule.abandon(job);
        }
    }
}

async fn next_arrival(stream: &mut Option<Receiver<Arrival>>) -> Arrival {
    let gone = || Arrival::End(Err(archive::Error::truncated("the reader of the stream is gone")));
    match stream {
        Some(stream) => stream.recv().await.unwrap_or_else(gone),
        None => std::future::pending().await,
    }
}
