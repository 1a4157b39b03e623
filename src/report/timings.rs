//! The timings of jobs, from one run to the next: a reader of events, with the file of the cost
//! history (`--cost-history`).
//!
//! [`CostHistoryFile`] reads the file before a restore, measures the restore's jobs, and adds them
//! to the file at the end. The file may be lost: problems with it are warnings.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::plan::history::{CostFileError, CostHistory, Measured, MeasuredJobs, PastRun, file};
use crate::restore::event::{Event, Outcome, Reader};
use crate::restore::journal::DONE_BEFORE;

/// The costs of earlier runs, and the file that receives those of this one.
#[derive(Debug)]
pub struct CostHistoryFile {
    /// The costs of earlier runs; none without a usable file.
    pub costs: Arc<CostHistory>,
    path: Option<PathBuf>,
    run: Arc<Mutex<MeasuredRun>>,
}

#[derive(Debug, Default)]
struct MeasuredRun {
    started: Option<Instant>,
    jobs: usize,
    predicted: Option<Duration>,
    measured: Vec<Measured>,
    /// Times of completed entries that were not measured as jobs: those of the prelude.
    others: HashMap<i32, Duration>,
    rolled_back: bool,
    /// An earlier run did part of the work: the time is not that of a whole restore.
    went_on: bool,
}

impl CostHistoryFile {
    /// Reads the file, if there is to be one. `warn` gets the error of an unusable file, which is
    /// never written.
    pub fn open(path: Option<PathBuf>, warn: impl FnOnce(&CostFileError)) -> Self {
        let (costs, path) = match path.map(|path| (file::load(&path), path)) {
            Some((Ok(costs), path)) => (costs, Some(path)),
            Some((Err(error), _)) => {
                warn(&error);
                (CostHistory::default(), None)
            }
            None => (CostHistory::default(), None),
        };
        Self { costs: Arc::new(costs), path, run: Arc::default() }
    }

    /// Measures the run whose events it reads.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let run = Arc::clone(&self.run);
        Arc::new(move |event: &Event| {
            run.lock().unwrap_or_else(PoisonError::into_inner).observe(event);
        })
    }

    /// Adds the run to the file, under the name of the archive's database. `complete` tells whether
    /// the restore finished; if not, only its jobs are recorded, and nothing if they were rolled
    /// back.
    ///
    /// # Errors
    /// If the file cannot be read or written, or no longer contains a cost history.
    pub fn save(&self, database: &str, complete: bool) -> Result<(), CostFileError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        self.save_at(now, database, complete)
    }

    fn save_at(&self, now: u64, database: &str, complete: bool) -> Result<(), CostFileError> {
        let Some(path) = &self.path else { return Ok(()) };
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner).run(complete, now);
        run.map_or(Ok(()), |run| file::record(path, database, run))
    }
}

impl MeasuredRun {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Planned { jobs, .. } => {
                self.started = Some(Instant::now());
                self.jobs = *jobs;
            }
            Event::Predicted { wall } => self.predicted = Some(*wall),
            Event::Finished { entry, outcome: Outcome::Done, duration, .. } => {
                self.others.insert(entry.dump_id, *duration);
            }
            Event::Finished { outcome: Outcome::Skipped { reason }, .. }
                if reason == DONE_BEFORE =>
            {
                self.went_on = true;
            }
            Event::Measured { entry, step, size, rows, bytes, format, duration } => {
                if !step.is_analyze() {
                    self.others.remove(&entry.dump_id);
                }
                self.measured.push(Measured {
                    desc: entry.desc.clone(),
                    schema: entry.schema.clone(),
                    name: entry.name.clone(),
                    step: *step,
                    size: *size,
                    seconds: duration.as_secs_f64(),
                    rows: *rows,
                    bytes: *bytes,
                    format: *format,
                });
            }
            Event::RolledBack { .. } => self.rolled_back = true,
            _ => {}
        }
    }

    fn run(&mut self, complete: bool, now: u64) -> Option<MeasuredJobs> {
        if self.measured.is_empty() || self.rolled_back {
            return None;
        }
        let whole = complete && !self.went_on;
        let night = whole.then_some(self.started).flatten().map(|started| PastRun {
            at: now,
            jobs: self.jobs,
            predicted: self.predicted.map(|time| time.as_secs_f64()),
            seconds: started.elapsed().as_secs_f64(),
        });
        let prelude: f64 = self.others.values().map(Duration::as_secs_f64).sum();
        let statement = (!self.others.is_empty()).then(|| prelude / self.others.len() as f64);
        Some(MeasuredJobs { at: now, night, statement, jobs: std::mem::take(&mut self.measured) })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::file::load;
    use super::*;
    use crate::archive::tests::entry::bare;
    use crate::archive::{Desc, Entry};
    use crate::plan::Step;
    use crate::report::tests::entry;
    use crate::restore::event::{Events, LaneId};

    fn index(seconds: u64) -> [Event; 3] {
        let duration = Duration::from_secs(seconds);
        let finished = |entry| {
            let outcome = Outcome::Done;
            Event::Finished {
                entry,
                lane: LaneId(0),
                outcome,
                rows: 0,
                bytes: 0,
                read: 0,
                duration,
            }
        };
        let (rows, bytes, format) = (0, 0, None);
        [
            finished(entry(1, "INDEX", "prelude")),
            finished(entry(2, "INDEX", "i")),
            Event::Measured {
                entry: entry(2, "INDEX", "i"),
                step: Step::Entire,
                size: 7,
                rows,
                bytes,
                format,
                duration,
            },
        ]
    }

    fn planned() -> Event {
        let archive = "app.dump".to_owned();
        Event::Planned { archive, entries: 2, wanted: 2, with_data: 0, data_bytes: None, jobs: 3 }
    }

    fn open(path: &Path) -> CostHistoryFile {
        CostHistoryFile::open(Some(path.to_owned()), |error| panic!("{error}"))
    }

    fn save(path: &Path, seconds: u64, complete: bool) -> Result<(), CostFileError> {
        let file = open(path);
        let events = Events::discard().read_by([file.reader()]);
        events.send(planned());
        index(seconds).into_iter().for_each(|event| events.send(event));
        file.save_at(1_700_000_000, "app", complete)
    }

    fn remembered(path: &Path) -> Option<f64> {
        let history = load(path).unwrap();
        let index = Entry {
            tag: "i".to_owned(),
            namespace: Some("public".to_owned()),
            ..bare(2, Desc::Index)
        };
        history.database("app")?.job(&index, Step::Entire).map(|record| record.seconds)
    }

    #[test]
    fn timings_of_a_run_are_saved_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new folder").join("costs.json");
        assert_eq!(load(&path).unwrap(), CostHistory::default());
        save(&path, 4, true).unwrap();
        assert_eq!(remembered(&path), Some(4.0));
        save(&path, 8, true).unwrap();
        assert_eq!(remembered(&path), Some(6.0));
        let database = load(&path).unwrap().database("app").unwrap().clone();
        assert_eq!(
            database.last_night().map(|night| (night.at, night.jobs)),
            Some((1_700_000_000, 3))
        );
        assert_eq!(database.statement(), Some(8.0), "the entry that was not a job");
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing else is left in the folder");
    }

    #[test]
    fn incomplete_run_saves_only_its_job_timings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("costs.json");
        save(&path, 4, false).unwrap();
        assert_eq!(remembered(&path), Some(4.0));
        assert_eq!(load(&path).unwrap().database("app").unwrap().last_night(), None);
    }

    #[test]
    fn resumed_run_is_not_saved_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("costs.json");
        let file = open(&path);
        let events = Events::discard().read_by([file.reader()]);
        let [mut before, job, measured] = index(4);
        if let Event::Finished { outcome, .. } = &mut before {
            *outcome = Outcome::Skipped { reason: DONE_BEFORE.to_owned() };
        }
        [planned(), before, job, measured].into_iter().for_each(|event| events.send(event));
        file.save_at(1_700_000_000, "app", true).unwrap();
        assert_eq!(remembered(&path), Some(4.0));
        assert_eq!(load(&path).unwrap().database("app").unwrap().last_night(), None);
    }
}
