//! Builds a plan from the entries.

use std::collections::HashMap;

use super::{Job, JobId};
use crate::archive::{Desc, DumpId, Entry, Section};
use crate::select::Pass;

/// What is restored, in which order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Places in the TOC of the entries that one session does first, in this order.
    pub prelude: Vec<usize>,
    /// The rest.
    pub jobs: Vec<Job>,
}

/// How to plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Do everything one after the other in the given order, dependencies or not. That is what
    /// pg_restore does with one session, and what a list file that reorders entries asks for.
    pub strictly_in_order: bool,
}

impl Plan {
    /// Plans the entries.
    ///
    /// `order` has each entry's place in `entries` once; `wanted`, `pass` and `size` are asked by
    /// place. `size` is the number of bytes of an entry's data in the archive.
    #[must_use]
    pub fn new(
        entries: &[Entry],
        order: &[usize],
        wanted: impl Fn(usize) -> bool,
        pass: impl Fn(usize) -> Pass,
        size: impl Fn(usize) -> Option<u64>,
        options: Options,
    ) -> Self {
        let mut plan = Self::default();
        let mut deferred = false;
        for &place in order {
            // Once an entry had to wait, comments and the like may be about one that waits.
            let now = match entries[place].section {
                Section::PreData => true,
                Section::None => !deferred,
                Section::Data | Section::PostData => {
                    deferred = true;
                    false
                }
            };
            if now && pass(place) == Pass::Main {
                if wanted(place) {
                    plan.prelude.push(place);
                }
            } else {
                plan.jobs.push(Job {
                    entry: place,
                    wanted: wanted(place),
                    pass: pass(place),
                    after: Vec::new(),
                    exclusive: Vec::new(),
                    shared: Vec::new(),
                    size: size(place).unwrap_or(0),
                });
            }
        }
        if options.strictly_in_order {
            plan.chain();
        } else {
            plan.link(entries);
        }
        plan
    }

    /// Each job after the one before it, pass by pass.
    fn chain(&mut self) {
        self.jobs.sort_by_key(|job| job.pass);
        for (number, job) in self.jobs.iter_mut().enumerate().skip(1) {
            job.after = vec![JobId(number - 1)];
        }
    }

    /// Dependencies and locks from the archive, mended as pg_restore mends them.
    fn link(&mut self, entries: &[Entry]) {
        let links = Links::new(entries, &self.jobs);
        let linked: Vec<_> = self
            .jobs
            .iter()
            .map(|job| links.of(&entries[job.entry], entries, &self.jobs))
            .collect();
        for (job, links) in self.jobs.iter_mut().zip(linked) {
            (job.after, job.exclusive, job.shared) = (links.after, links.exclusive, links.shared);
            job.size = job.size.max(links.size);
        }
    }
}

/// What the entries' numbers lead to.
struct Links {
    /// Jobs by their entry's number.
    jobs: HashMap<DumpId, JobId>,
    /// Places in the TOC by number.
    places: HashMap<DumpId, usize>,
    /// The TABLE DATA entry of a TABLE entry.
    data_of: HashMap<DumpId, DumpId>,
    /// The TABLE entry of a TABLE DATA entry.
    table_of: HashMap<DumpId, DumpId>,
    /// The first entry of large objects.
    blobs: Option<DumpId>,
}

struct LinksOfJob {
    after: Vec<JobId>,
    exclusive: Vec<DumpId>,
    shared: Vec<DumpId>,
    size: u64,
}

impl Links {
    fn new(entries: &[Entry], jobs: &[Job]) -> Self {
        let places = entries.iter().enumerate().map(|(place, e)| (e.dump_id, place)).collect();
        let jobs = jobs
            .iter()
            .enumerate()
            .map(|(number, job)| (entries[job.entry].dump_id, JobId(number)))
            .collect();
        let mut data_of = HashMap::new();
        let mut table_of = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.desc == Desc::TableData) {
            // A TABLE DATA entry's first dependency is its TABLE.
            if let Some(table) = entry.dependencies.first() {
                data_of.insert(*table, entry.dump_id);
                table_of.insert(entry.dump_id, *table);
            }
        }
        let blobs = entries.iter().find(|entry| entry.desc == Desc::Blobs);
        Self { jobs, places, data_of, table_of, blobs: blobs.map(|entry| entry.dump_id) }
    }

    fn of(&self, entry: &Entry, entries: &[Entry], jobs: &[Job]) -> LinksOfJob {
        let mut dependencies = entry.dependencies.clone();
        if entry.section == Section::PostData {
            // Post-data work on a table waits for its rows, not only for its definition.
            for dependency in &mut dependencies {
                *dependency = *self.data_of.get(dependency).unwrap_or(dependency);
            }
        }
        if entry.desc == Desc::BlobComments && dependencies.is_empty() {
            // Before 8.4 pg_dump did not note that these come after the large objects.
            dependencies.extend(self.blobs);
        }
        let after: Vec<JobId> =
            dependencies.iter().filter_map(|id| self.jobs.get(id).copied()).collect();
        let tables: Vec<DumpId> = match entry.section {
            Section::PostData => {
                dependencies.iter().filter_map(|id| self.table(*id, entries)).collect()
            }
            _ => Vec::new(),
        };
        let size = match entry.section {
            Section::PostData => after.iter().map(|JobId(job)| jobs[*job].size).max().unwrap_or(0),
            _ => 0,
        };
        // CREATE INDEX shares its table with other CREATE INDEX; everything else is an ALTER TABLE
        // or as good as one.
        let (exclusive, shared) = match entry.desc {
            Desc::Index => (Vec::new(), tables),
            _ => (tables, Vec::new()),
        };
        LinksOfJob { after, exclusive, shared, size }
    }

    /// The TABLE entry's number, if `id` is a table or a table's data.
    fn table(&self, id: DumpId, entries: &[Entry]) -> Option<DumpId> {
        if let Some(table) = self.table_of.get(&id) {
            return Some(*table);
        }
        let entry = &entries[*self.places.get(&id)?];
        matches!(entry.desc, Desc::Table | Desc::TableData).then_some(id)
    }
}
