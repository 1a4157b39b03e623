//! Hands the jobs of a plan to the sessions, and the data of a stream to the jobs.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::archive::{self, Place, stream::ItemOf};
use crate::plan::cost::Costs;
use crate::plan::{JobId, Plan, Schedule, Step, at_once, builds_index};
use crate::restore::conduct::at_points;
use crate::restore::conduct::barrier::Barrier;
use crate::restore::conduct::costing::Costing;
use crate::restore::conduct::helping::may_share;
use crate::restore::conduct::index_workers::IndexWorkers;
use crate::restore::conduct::opening::Opening;
use crate::restore::conduct::postponed::PutOff;
use crate::restore::entry::steps::restore_step;
use crate::restore::entry::work::restore_entry;
use crate::restore::error::{RestoreError, Result, WorkError};
use crate::restore::event::Outcome;
use crate::restore::facts::Facts;
use crate::restore::journal::state::KeptJournal;
use crate::restore::ledger::{Finished, Ledger};
use crate::restore::load::load;
use crate::restore::load::loaded::Loaded;
use crate::restore::load::share::Shares;
use crate::restore::load::source::DataSource;
use crate::restore::load::streamed_objects::StreamedObjects;
use crate::restore::load::transaction::Triggers;
use crate::restore::options::Transactions;
use crate::restore::session::lane::Lane;
use crate::restore::stream::feed::{Arrival, StreamedData};

/// Runs the jobs of a plan.
///
/// Jobs whose data comes from a stream can start once it arrives; from then on they compete like
/// any other job, and the one with the longest chain behind it goes first. Where the stream waits
/// for read-ahead memory, the data that arrived first goes first.
pub(crate) struct Conductor {
    facts: Arc<Facts>,
    ledger: Arc<Ledger>,
    journal: KeptJournal,
    schedule: Schedule,
    costing: Costing,
    idle: Vec<Lane>,
    opening: Opening,
    /// The server's processors, if known: those of this machine.
    processors: Option<usize>,
    running: JoinSet<(Lane, Task)>,
    /// Tables that are loaded by several sessions.
    shares: Arc<Shares<Lane>>,
    workers: IndexWorkers,
    /// The stream, until it ends.
    stream: Option<StreamedData>,
    /// Data of the stream that has arrived, at least in part, and waits for a session.
    waiting: VecDeque<Assignment>,
    /// Jobs by the place of their entry.
    jobs: HashMap<Place, JobId>,
    /// Large objects that arrive one by one.
    objects: StreamedObjects,
    /// Why the stream ended, if it failed.
    broken: Option<archive::ArchiveError>,
    /// Jobs that wait until all rows are loaded; `None` once they have been released.
    barrier: Option<Barrier>,
    /// Views that could not be refreshed yet.
    put_off: PutOff,
}

#[derive(Debug)]
enum Task {
    Job(JobId),
    /// One large object of the job's entry.
    Object(JobId, Result<Loaded, WorkError>),
}

/// Work for a session.
struct Assignment {
    job: JobId,
    source: DataSource,
}

impl Conductor {
    /// Creates a conductor for a plan, with the first session and the stream, if any.
    pub(crate) fn new(
        plan: &Plan,
        costs: Costs,
        first: Lane,
        stream: Option<StreamedData>,
    ) -> Self {
        let (facts, ledger) = (first.facts.clone(), first.ledger.clone());
        let streaming = stream.is_some();
        let opening = Opening::start(&first);
        let mut schedule = Schedule::new(plan, |job| {
            let loads = !job.step.is_analyze() && first.journal.is_to_load(&facts, job.entry);
            streaming && job.wanted && loads || Barrier::holds(&facts, job)
        });
        if let Some(seed) = facts.options.shuffle {
            schedule.shuffle(seed);
        }
        let barrier = Barrier::of(&facts, plan);
        let jobs = plan.jobs.iter().enumerate();
        let jobs = jobs.filter(|(_, job)| job.wanted && !job.step.is_analyze());
        let jobs = jobs.map(|(id, job)| (job.entry, JobId(id))).collect();
        Self {
            costing: Costing::new(&facts, costs),
            journal: first.journal.clone(),
            facts,
            ledger,
            schedule,
            processors: first.processors(),
            opening,
            idle: vec![first],
            running: JoinSet::new(),
            shares: Arc::default(),
            workers: IndexWorkers::default(),
            stream,
            waiting: VecDeque::new(),
            jobs,
            objects: StreamedObjects::default(),
            broken: None,
            barrier,
            put_off: PutOff::default(),
        }
    }

    /// Runs until every job is done, or until the first error if the options say so. Returns the
    /// sessions.
    pub(crate) async fn run(mut self) -> Result<Vec<Lane>> {
        let mut every_second = tokio::time::interval(Duration::from_secs(1));
        loop {
            self.start_jobs();
            if self.must_stop() || self.broken.is_some() && self.running.is_empty() {
                // Running jobs may finish: they may be one COMMIT away from done.
                while let Some(done) = self.running.join_next().await {
                    self.take_back(done)?;
                }
                self.objects.finish(&self.ledger, &mut self.schedule, false);
                if let Some(error) = self.broken {
                    return Err(RestoreError::Stream(error));
                }
                let lost = self.ledger.server.take_lost();
                return Err(lost.map_or(RestoreError::Stopped, RestoreError::ServerLost));
            }
            if self.running.is_empty() && self.give_up_one() {
                continue;
            }
            if self.running.is_empty() && self.try_again() {
                continue;
            }
            if self.running.is_empty() && self.stream.is_none() {
                let Some(barrier) = self.barrier.take() else {
                    return Ok(self.idle);
                };
                at_points::after_data(&self.facts, &self.journal, &mut self.idle).await?;
                barrier.lift().for_each(|job| self.schedule.open(job));
                continue;
            }
            tokio::select! {
                Some(done) = self.running.join_next() => self.take_back(done)?,
                arrival = next_arrival(&mut self.stream) => {
                    if let Some(arrival) = arrival {
                        self.arrived(arrival);
                    }
                }
                () = self.shares.wanted(), if !self.idle.is_empty() => {}
                opened = self.opening.next(&self.ledger), if self.opening.left() > 0 => {
                    self.idle.extend(opened);
                }
                _ = every_second.tick() => self.costing.tell_rest(&self.ledger, &self.schedule),
            }
        }
    }

    fn must_stop(&self) -> bool {
        let failed = || self.ledger.errors() > 0 || self.objects.has_failed();
        self.ledger.server.is_lost() || (self.facts.options.exit_on_error && failed())
    }

    /// Starts as many jobs as there are idle sessions.
    fn start_jobs(&mut self) {
        let mut starting = Vec::new();
        while !self.must_stop()
            && let Some(lane) = self.idle.pop()
        {
            match self.next_job() {
                Some(work) => starting.push((lane, work)),
                None => {
                    self.idle.push(lane);
                    break;
                }
            }
        }
        self.share_workers(&mut starting);
        for (lane, mut work) in starting {
            let (ledger, schedule) = (&self.ledger, &self.schedule);
            if may_share(ledger, schedule, work.job, &work.source, self.processors) {
                work.source = work.source.helped_by(self.shares.clone());
            }
            self.start(lane, work);
        }
        if !self.must_stop() {
            self.help();
        }
    }

    /// Assigns sessions without a job to help with the rows of large tables.
    fn help(&mut self) {
        while let Some(lane) = self.idle.pop() {
            if let Some(lane) = self.shares.help(lane) {
                return self.idle.push(lane);
            }
        }
    }

    /// The next work for a session.
    fn next_job(&mut self) -> Option<Assignment> {
        if self.takes_data_first() {
            let first = self.waiting.iter().position(|work| match work.source.is_one_object() {
                true => self.schedule.is_free(work.job),
                false => self.schedule.take_this(work.job),
            });
            if let Some(first) = first {
                return self.waiting.remove(first);
            }
        }
        if self.broken.is_some() {
            return None;
        }
        if let Some(job) = self.schedule.take() {
            let of_job = |work: &Assignment| work.job == job && !work.source.is_one_object();
            let came = self.waiting.iter().position(of_job);
            let came = came.and_then(|place| self.waiting.remove(place));
            return Some(came.unwrap_or(Assignment { job, source: DataSource::archive() }));
        }
        // Nothing waits for a large object except the entry it is part of.
        let object =
            |work: &Assignment| work.source.is_one_object() && self.schedule.is_free(work.job);
        let first = self.waiting.iter().position(object)?;
        self.waiting.remove(first)
    }

    /// Whether data that has arrived goes before any other work: if the stream waits for it, if
    /// nothing more arrives but what has arrived is still worth loading, and in a single session,
    /// which keeps the stream's order.
    fn takes_data_first(&self) -> bool {
        let full = self.stream.as_ref().is_some_and(|stream| stream.ahead.is_full());
        full || self.broken.is_some() || self.facts.options.jobs == 1
    }

    /// Lends the processors of idle sessions to index builds.
    fn share_workers(&mut self, starting: &mut [(Lane, Assignment)]) {
        if !self.ledger.server.shares_workers() {
            return;
        }
        let builds = |work: &Assignment| {
            let job = self.schedule.job(work.job);
            builds_index(self.facts.entry(job.entry), job.step).then_some(job.rank)
        };
        let ranks: Vec<_> =
            starting.iter().filter_map(|(lane, work)| Some((lane.number, builds(work)?))).collect();
        // A session that is being opened counts as idle, unless work is left for it.
        let opening = match self.opening.left() {
            left @ 1.. if self.schedule.has_next() => left,
            _ => 0,
        };
        let busy = self.running.len() + starting.len() + opening;
        let at_once = at_once(self.ledger.server.jobs(), self.processors, 0);
        let lent = self.workers.lend(at_once.saturating_sub(busy), &ranks);
        for (lane, work) in starting {
            let count = || lent.filter(|(number, _)| *number == lane.number).map_or(0, |(_, n)| n);
            lane.workers = builds(work).map(|_| count());
        }
    }

    fn start(&mut self, mut lane: Lane, work: Assignment) {
        let Assignment { job, source } = work;
        let place = self.schedule.job(job).entry;
        if source.is_one_object() {
            self.objects.begin(&self.ledger, (job, place), lane.number);
            self.running.spawn(async move {
                let facts = lane.facts.clone();
                let entry = facts.entry(place);
                let result = load(&mut lane, entry, source, Triggers::AsTheyAre);
                let result = Box::pin(result).await;
                (lane, Task::Object(job, result))
            });
        } else {
            let step = self.schedule.job(job).step;
            self.costing.begin(job);
            self.running.spawn(async move {
                lane.set_workers().await;
                let is_begun = lane.journal.is_begun(lane.facts.entry(place));
                match step {
                    Step::Entire if !is_begun => {
                        restore_entry(&mut lane, place, source).await;
                    }
                    step => restore_step(&mut lane, place, step).await,
                }
                (lane, Task::Job(job))
            });
        }
    }

    /// Starts the next postponed job, if there is one.
    fn try_again(&mut self) -> bool {
        let Some(lane) = self.idle.pop() else {
            return false;
        };
        match self.put_off.next(&self.ledger) {
            Some(job) => self.start(lane, Assignment { job, source: DataSource::archive() }),
            None => {
                self.idle.push(lane);
                return false;
            }
        }
        true
    }

    /// Gives up on waiting data if no running job can unblock it: what it depends on comes later in
    /// the stream, and there is no memory to keep it until then.
    fn give_up_one(&mut self) -> bool {
        if let Some(stream) = &mut self.stream {
            if let Ok(arrival) = stream.arrivals.try_recv() {
                self.arrived(arrival);
                return true;
            }
            if !stream.ahead.is_stuck() {
                return false;
            }
        }
        let Some(Assignment { job, .. }) = self.waiting.pop_front() else {
            return false;
        };
        self.waiting.retain(|work| work.job != job);
        self.objects.forget(job);
        let place = self.schedule.job(job).entry;
        let what =
            "it depends on an entry that comes later in the stream: restore from a file instead";
        let failure = WorkError::Other(what.to_owned()).failure();
        let outcome = Outcome::Failed { failure };
        self.ledger.finish(place, Finished { outcome, ..Finished::default() });
        self.schedule.abandon(job);
        true
    }

    fn take_back(
        &mut self,
        done: std::result::Result<(Lane, Task), tokio::task::JoinError>,
    ) -> Result<()> {
        let (lane, task) = done
            .map_err(|error| RestoreError::Internal(format!("a session task failed: {error}")))?;
        self.workers.give_back(lane.number);
        self.idle.push(lane);
        self.idle.extend(self.shares.take_returned());
        match task {
            Task::Job(job) if self.put_off.takes(&self.ledger, job, self.schedule.job(job)) => {}
            Task::Job(job) => {
                self.schedule.finish(job);
                self.costing.end(&self.ledger, &mut self.schedule, job);
            }
            Task::Object(job, result) => {
                self.objects.end(job, result);
                if self.stream.is_none() && self.broken.is_none() {
                    self.objects.finish(&self.ledger, &mut self.schedule, true);
                }
            }
        }
        Ok(())
    }

    fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Item { place, item, reader } => {
                let Some(&job) = self.jobs.get(&place) else {
                    return;
                };
                if !self.schedule.is_to_start(job) {
                    // It has been given up.
                    return;
                }
                match item.of {
                    ItemOf::LargeObject(oid) => self.objects.came(job, oid),
                    ItemOf::Entry(_) => self.schedule.open(job),
                }
                let source = DataSource::stream(item, reader);
                self.waiting.push_back(Assignment { job, source });
            }
            Arrival::End(Ok(())) => {
                self.stream = None;
                // Data that has not arrived by now is not in the archive; the jobs report that
                // themselves.
                for job in self.schedule.closed() {
                    let is_held =
                        self.barrier.as_ref().is_some_and(|barrier| barrier.contains(job));
                    if !is_held && !self.objects.has_some(job) {
                        self.schedule.open(job);
                    }
                }
                self.objects.finish(&self.ledger, &mut self.schedule, true);
            }
            Arrival::End(Err(error)) => {
                self.stream = None;
                // Nothing more is loaded if it will be rolled back, or if the stream has changed
                // since an earlier run; nor are large objects whose entry can no longer be
                // completed.
                let all = self.facts.options.transactions == Transactions::Single
                    || matches!(error.kind(), archive::ErrorKind::Changed(_));
                self.waiting.retain(|work| !all && !work.source.is_one_object());
                self.broken = Some(error);
            }
        }
    }
}

/// The next arrival from the stream, if there is one; `None` when read-ahead memory is full.
async fn next_arrival(stream: &mut Option<StreamedData>) -> Option<Arrival> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}
