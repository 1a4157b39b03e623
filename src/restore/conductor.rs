//! Gives the jobs of a plan to the sessions, and the data of a stream to the jobs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::context::{Context, Finished};
use super::event::{EntryRef, Event, Outcome};
use super::failure::WorkError;
use super::feed::Arrival;
use super::lane::Lane;
use super::load::{Loaded, Source, load};
use super::work::restore_entry;
use super::{Error, Result};
use crate::archive;
use crate::archive::stream::ItemOf;
use crate::plan::{JobId, Plan, Schedule};

/// Carries out the jobs of a plan.
///
/// Jobs whose data comes as a stream start when it comes; a session that gets free takes such a job
/// first, because the stream waits for it.
pub(super) struct Conductor {
    ctx: Arc<Context>,
    schedule: Schedule,
    idle: Vec<Lane>,
    running: JoinSet<(Lane, Task, Option<ObjectResult>)>,
    stream: Option<Receiver<Arrival>>,
    /// Data that has come and waits for a session.
    waiting: Option<Waiting>,
    /// Jobs by the place of their entry.
    jobs: HashMap<usize, JobId>,
    /// Large objects that come one by one.
    objects: HashMap<JobId, Objects>,
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
    object: bool,
}

type ObjectResult = std::result::Result<Loaded, WorkError>;

/// What has come of an entry's large objects so far.
#[derive(Default)]
struct Objects {
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
        idle: Vec<Lane>,
        stream: Option<Receiver<Arrival>>,
    ) -> Self {
        let streaming = stream.is_some();
        let schedule = Schedule::new(plan, |job| {
            streaming && job.wanted && ctx.wants_archived_data(job.entry)
        });
        let jobs = plan.jobs.iter().enumerate().map(|(id, job)| (job.entry, JobId(id))).collect();
        Self {
            ctx,
            schedule,
            idle,
            running: JoinSet::new(),
            stream,
            waiting: None,
            jobs,
            objects: HashMap::new(),
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
                let lost = self.ctx.ledger().server_lost.take();
                return Err(lost.map_or(Error::Stopped, Error::ServerLost));
            }
            if self.running.is_empty() && self.waiting.is_none() && self.stream.is_none() {
                return Ok(self.idle);
            }
            let wants_data = self.waiting.is_none() && self.stream.is_some();
            tokio::select! {
                Some(done) = self.running.join_next() => self.take_back(done)?,
                arrival = next_arrival(&mut self.stream), if wants_data => self.arrived(arrival)?,
            }
        }
    }

    fn must_stop(&self) -> bool {
        let ledger = self.ctx.ledger();
        ledger.server_lost.is_some() || (self.ctx.options.exit_on_error && ledger.errors > 0)
    }

    /// Starts as many jobs as there are idle sessions.
    fn start_jobs(&mut self) {
        while !self.must_stop() {
            let Some(lane) = self.idle.pop() else {
                return;
            };
            if let Some(waiting) = self.waiting.take() {
                let startable = if waiting.object {
                    self.depends_on_nothing(waiting.job)
                } else {
                    self.schedule.take_this(waiting.job)
                };
                if startable {
                    self.start(lane, waiting);
                    continue;
                }
                self.waiting = Some(waiting);
            }
            match self.schedule.take() {
                Some(job) => {
                    self.start(lane, Waiting { job, source: Source::Archive, object: false });
                }
                None => {
                    self.idle.push(lane);
                    return self.break_deadlock();
                }
            }
        }
    }

    fn depends_on_nothing(&self, job: JobId) -> bool {
        self.schedule.is_free(job)
    }

    fn start(&mut self, mut lane: Lane, waiting: Waiting) {
        let Waiting { job, source, object } = waiting;
        let (ctx, place) = (self.ctx.clone(), self.schedule.job(job).entry);
        if object {
            let objects = self.objects.entry(job).or_default();
            if objects.since.is_none() {
                objects.since = Some(Instant::now());
                let entry = EntryRef::from(ctx.entry(place));
                ctx.events.send(Event::Started { entry, lane: lane.number, data_bytes: None });
            }
            self.running.spawn(async move {
                let result = Box::pin(load(&ctx, &mut lane, ctx.entry(place), source)).await;
                (lane, Task::Object(job), Some(result))
            });
        } else {
            self.running.spawn(async move {
                restore_entry(&ctx, &mut lane, place, source).await;
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
        self.idle.push(lane);
        match (task, result) {
            (Task::Job(job), _) => self.schedule.finish(job),
            (Task::Object(job), Some(result)) => {
                let objects = self.objects.entry(job).or_default();
                match result {
                    Ok(loaded) => {
                        objects.loaded.rows += loaded.rows;
                        objects.loaded.bytes += loaded.bytes;
                        objects.loaded.read += loaded.read;
                    }
                    Err(error) => drop(objects.failure.get_or_insert(error)),
                }
                objects.time = objects.since.map(|since| since.elapsed()).unwrap_or_default();
            }
            (Task::Object(_), None) => {}
        }
        Ok(())
    }

    fn arrived(&mut self, arrival: Arrival) -> Result<()> {
        match arrival {
            Arrival::Item { place, item, receiver } => {
                let Some(job) = self.jobs.get(&place) else {
                    return Ok(());
                };
                let object = matches!(item.of, ItemOf::LargeObject(_));
                let source = Source::Stream { item: Box::new(item), receiver };
                self.waiting = Some(Waiting { job: *job, source, object });
                Ok(())
            }
            Arrival::End(result) => {
                self.stream = None;
                result.map_err(Error::Archive)?;
                self.finish_objects();
                // What has not come by now is not in the archive; the jobs say so themselves.
                for job in self.schedule.closed() {
                    self.schedule.open(job);
                }
                Ok(())
            }
        }
    }

    /// Finishes the entries of large objects that came one by one.
    fn finish_objects(&mut self) {
        for (job, objects) in std::mem::take(&mut self.objects) {
            let place = self.schedule.job(job).entry;
            let entry = self.ctx.entry(place);
            let outcome = match objects.failure {
                Some(error) => Outcome::Failed { failure: self.ctx.failure(entry, &error) },
                None => Outcome::Done,
            };
            let Loaded { rows, bytes, read } = objects.loaded;
            let duration = objects.time;
            self.ctx.finish(place, Finished { lane: 0, outcome, rows, bytes, read, duration });
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
