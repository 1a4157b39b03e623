//! The file of job timings from earlier runs (`--cost-history`).
//!
//! [`load`] reads it before a restore. [`TimingsReader`] listens to the restore and records its jobs'
//! timings; [`TimingsReader::save`] rewrites the file at the end. The file is optional: problems with it
//! are warnings. A file that is not a history of this version is never changed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::history::{CostHistory, CostHistoryError, Measured, MeasuredJobs, PastRun};
use crate::restore::event::{Event, Outcome, Reader};
use crate::restore::journal::DONE_BEFORE;

/// Upper bound of a history's size: the number of its jobs is bounded.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Why the history cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CostsError {
    /// The file cannot be read.
    #[error("cannot read the cost history {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a history.
    #[error("cannot use the cost history {} (left unchanged)", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why it is not a history.
        source: CostHistoryError,
    },
    /// The file cannot be written.
    #[error("cannot write the cost history {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads a history. A missing file counts as an empty one.
///
/// # Errors
/// If it cannot be read, or is not a history.
pub fn load(path: &Path) -> Result<CostHistory, CostsError> {
    let failed = |source| CostsError::Read { path: path.to_owned(), source };
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MOST_BYTES).read_to_end(&mut text).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(CostHistory::default());
        }
        Err(error) => return Err(failed(error)),
    };
    CostHistory::from_json(&text)
        .map_err(|source| CostsError::Form { path: path.to_owned(), source })
}

/// Writes a history to a temporary file and renames it over the old one: concurrent readers see
/// either the old or the new history.
fn store(path: &Path, history: &CostHistory) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(history.to_json().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if written.is_err() {
        // A partial file is useless.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Records the timings of one run's jobs.
#[derive(Clone, Debug, Default)]
pub struct TimingsReader(Arc<Mutex<MeasuredRun>>);

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

impl TimingsReader {
    /// Records the events that it reads.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let heard = Arc::clone(&self.0);
        Arc::new(move |event: &Event| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).observe(event);
        })
    }

    /// Adds the run to the history, under the name of the archive's database, and writes the file.
    /// `complete` tells whether the restore finished; if not, only its jobs are recorded, and
    /// nothing if they were rolled back. `now` is in seconds since 1970.
    ///
    /// Reads the file again first, because another run may have written it in the meantime.
    ///
    /// # Errors
    /// If the file cannot be read or written, or is no longer a history.
    pub fn save(
        &self,
        path: &Path,
        database: &str,
        complete: bool,
        now: u64,
    ) -> Result<(), CostsError> {
        let run = self.0.lock().unwrap_or_else(PoisonError::into_inner).run(complete, now);
        let Some(run) = run else {
            return Ok(());
        };
        let mut history = load(path)?;
        history.record(database, run);
        store(path, &history).map_err(|source| CostsError::Write { path: path.to_owned(), source })
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
    use super::*;
    use crate::archive::{Desc, Entry};
    use crate::plan::Step;
    use crate::plan::testing::entry;
    use crate::restore::event::{EntryRef, Events, LaneId};

    fn index(seconds: u64) -> [Event; 3] {
        let about = |dump_id, name: &str| EntryRef {
            dump_id,
            desc: "INDEX".to_owned(),
            schema: Some("public".to_owned()),
            name: name.to_owned(),
        };
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
            finished(about(1, "prelude")),
            finished(about(2, "i")),
            Event::Measured {
                entry: about(2, "i"),
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

    fn save(path: &Path, seconds: u64, complete: bool) -> Result<(), CostsError> {
        let recorder = TimingsReader::default();
        let events = Events::discard().read_by([recorder.reader()]);
        events.send(planned());
        index(seconds).into_iter().for_each(|event| events.send(event));
        recorder.save(path, "app", complete, 1_700_000_000)
    }

    fn remembered(path: &Path) -> Option<f64> {
        let history = load(path).unwrap();
        let index = Entry {
            tag: "i".to_owned(),
            namespace: Some("public".to_owned()),
            ..entry(2, Desc::Index)
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
        let recorder = TimingsReader::default();
        let events = Events::discard().read_by([recorder.reader()]);
        let [mut before, job, measured] = index(4);
        if let Event::Finished { outcome, .. } = &mut before {
            *outcome = Outcome::Skipped { reason: DONE_BEFORE.to_owned() };
        }
        [planned(), before, job, measured].into_iter().for_each(|event| events.send(event));
        recorder.save(&path, "app", true, 1_700_000_000).unwrap();
        assert_eq!(remembered(&path), Some(4.0));
        assert_eq!(load(&path).unwrap().database("app").unwrap().last_night(), None);
    }

    #[test]
    fn file_that_is_not_a_history_is_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        for text in ["my notes", "{\"version\":99}"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(load(&path), Err(CostsError::Form { .. })));
            assert!(matches!(save(&path, 4, true), Err(CostsError::Form { .. })));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn unwritable_path_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = save(&file.join("costs.json"), 4, true).unwrap_err();
        assert!(error.to_string().contains("costs.json"), "{error}");
    }
}
