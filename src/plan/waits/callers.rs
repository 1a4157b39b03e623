//! Jobs that call functions which read tables.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::functions::{Calls, Reads};
use super::{Order, Rows};
use crate::archive::{Desc, DumpId, Entry};
use crate::plan::{JobId, Plan, Step};
use crate::select::Pass;

impl Plan {
    /// Makes rows whose table calls functions that read other tables wait for all rows before them.
    /// Later rows that these functions may read wait in turn, and row security. The value of a
    /// sequence comes after the rows before it that may draw a number: those whose functions read
    /// anything, and those of existing tables, with triggers or defaults unknown here.
    pub(super) fn rows_that_call(&mut self, order: &Order<'_>, calls: &mut Calls<'_>) {
        let created = self.prelude.iter().map(|place| order.entries[*place].dump_id);
        let created: HashSet<DumpId> = created.filter(|table| !calls.has_found(*table)).collect();
        let mut chain = Chain::default();
        let mut last_reader: HashMap<DumpId, JobId> = HashMap::new();
        let mut reads_anything = None;
        let mut of_tables = None;
        let (mut drawing, mut first_after) = (Vec::new(), None);
        let mut readers = Vec::new();
        for id in self.rows(order) {
            let entry = order.entry(self, id);
            if entry.desc == Desc::SequenceSet {
                self.jobs[id.0].after.extend(first_after);
                if !drawing.is_empty() {
                    // The next ones wait for this one.
                    self.jobs[id.0].after.append(&mut drawing);
                    first_after = Some(id);
                }
            }
            let Some(table) = entry.dependencies.first().copied() else {
                chain.other(id);
                continue;
            };
            let reader = last_reader.get(&order.tree.root(table)).copied();
            self.jobs[id.0].after.extend(reader.max(reads_anything));
            let mut functions = BTreeSet::new();
            if entry.desc == Desc::TableData {
                functions = calls.of(table);
                if !created.contains(&table) {
                    // The table already has its triggers and indexes.
                    drawing.push(id);
                    let of_tables = of_tables.get_or_insert_with(|| order.of_tables());
                    // COPY fires no rules, and is refused where policies apply.
                    let applies = |own: &&&Entry| {
                        entry.copy_stmt.is_empty() || !matches!(own.desc, Desc::Rule | Desc::Policy)
                    };
                    // A partition has those of its partitioned table, too.
                    for table in order.tree.up(table) {
                        let own = of_tables.get(&table).into_iter().flatten().filter(applies);
                        functions.extend(own.flat_map(|own| calls.of_definition(own)));
                    }
                }
            }
            let Some(reads) = calls.reads(&functions) else {
                chain.other(id);
                continue;
            };
            if drawing.last() != Some(&id) {
                drawing.push(id);
            }
            readers.push(id);
            self.jobs[id.0].alone = true;
            if order.is_of(&reads, table) {
                chain.other(id);
                continue;
            }
            let action = calls.action(&functions);
            chain.reader(self, id, format!("waits for all rows before it: it {action}"));
            match reads {
                Reads::Of(tables) => {
                    last_reader.extend(tables.iter().map(|table| (order.tree.root(*table), id)));
                }
                Reads::Anything => reads_anything = Some(id),
            }
        }
        // It could hide rows from them.
        for id in self.of_main(order, |entry| entry.desc == Desc::RowSecurity) {
            self.jobs[id.0].after.extend(&readers);
        }
    }

    /// Makes indexes and constraints whose expressions call functions that read more than their own
    /// table wait for all rows and come before row security, which could hide some. A CHECK is a
    /// separate entry if it calls a function over the table's rows.
    pub(super) fn definitions_that_call(
        &mut self,
        order: &Order<'_>,
        calls: &mut Calls<'_>,
        rows: &mut Rows,
    ) {
        let mut called = Vec::new();
        let late: HashMap<DumpId, JobId> = self
            .of_main(order, |entry| entry.desc == Desc::Function)
            .into_iter()
            .map(|id| (order.entry(self, id).dump_id, id))
            .collect();
        let calls_any = |entry: &Entry| match entry.desc {
            Desc::Index | Desc::Constraint => true,
            Desc::CheckConstraint | Desc::FkConstraint => !entry.defn.contains(" NOT VALID"),
            _ => false,
        };
        for id in self.of_main(order, calls_any) {
            let entry = order.entry(self, id);
            let functions = calls.of_definition(entry);
            if !late.is_empty() && !functions.is_empty() {
                let earlier = calls.late(&functions).into_iter().filter_map(|of| late.get(&of));
                self.jobs[id.0].after.extend(earlier.filter(|other| **other < id));
            }
            let Some(reads) = calls.reads(&functions) else { continue };
            // It waits for the rows of its own tables, but not for those of their tree.
            let own = order.tables(entry);
            let is_own = |table: &DumpId| {
                own.contains(table)
                    && order.tree.below(*table).iter().all(|part| own.contains(part))
            };
            if matches!(&reads, Reads::Of(tables) if tables.iter().all(is_own)) {
                continue;
            }
            called.push(id);
            let reads_rows = [Step::Entire, Step::BuildIndex, Step::Validate];
            if reads_rows.contains(&self.jobs[id.0].step) {
                let why = format!("its expression {}", calls.action(&functions));
                self.behind_all(id, rows, &why);
            }
        }
        for id in self.of_main(order, |entry| entry.desc == Desc::RowSecurity) {
            let earlier = called.iter().filter(|other| **other < id);
            self.jobs[id.0].after.extend(earlier);
        }
    }

    /// Makes materialized views whose queries or indexes call functions that read tables wait for
    /// all views before them.
    pub(super) fn views_that_call(&mut self, order: &Order<'_>, calls: &mut Calls<'_>) {
        let mut readers: Vec<(JobId, Reads)> = Vec::new();
        let mut chain = Chain::default();
        let mut indexes: HashMap<DumpId, Vec<&Entry>> = HashMap::new();
        for index in order.entries.iter().filter(|entry| entry.desc == Desc::Index) {
            index.dependencies.iter().for_each(|on| indexes.entry(*on).or_default().push(index));
        }
        for id in self.of_pass(Pass::PostAcl, order).collect::<Vec<_>>() {
            let entry = order.entry(self, id);
            if entry.desc != Desc::MaterializedViewData {
                continue;
            }
            let Some(view) = entry.dependencies.first().copied() else { continue };
            let earlier = readers.iter().filter(|(_, reads)| reads.has(view));
            self.jobs[id.0].after.extend(earlier.map(|(reader, _)| *reader));
            let mut functions = calls.of(view);
            let indexes = indexes.get(&view).into_iter().flatten();
            functions.extend(indexes.flat_map(|index| calls.of_definition(index)));
            let Some(reads) = calls.reads(&functions) else {
                chain.other(id);
                continue;
            };
            let action = calls.action(&functions);
            let why = format!("waits for all views before it: its refresh {action}");
            chain.reader(self, id, why);
            readers.push((id, reads));
        }
    }
}

/// A chain in which each reading job waits for all jobs before it.
#[derive(Default)]
struct Chain {
    last: Option<JobId>,
    since: Vec<JobId>,
}

impl Chain {
    /// Adds a job that does not read.
    fn other(&mut self, id: JobId) {
        self.since.push(id);
    }

    /// Adds a job that reads, and records why it waits.
    fn reader(&mut self, plan: &mut Plan, id: JobId, why: String) {
        let job = &mut plan.jobs[id.0];
        job.after.append(&mut self.since);
        job.after.extend(self.last);
        job.why = Some(why);
        self.last = Some(id);
    }
}

impl<'a> Order<'a> {
    /// Whether only these rows are read: all of their table, which has no parts.
    fn is_of(&self, reads: &Reads, table: DumpId) -> bool {
        let is_own = matches!(reads, Reads::Of(tables) if tables.iter().all(|of| *of == table));
        is_own && self.tree.below(table).is_empty() && self.links.data_of(table).len() < 2
    }

    /// The entries involved when rows are inserted into a table that is already complete.
    fn of_tables(&self) -> HashMap<DumpId, Vec<&'a Entry>> {
        let mut all: HashMap<_, Vec<_>> = HashMap::new();
        let takes_part = |entry: &&Entry| {
            matches!(
                entry.desc,
                Desc::Trigger
                    | Desc::Policy
                    | Desc::Rule
                    | Desc::Index
                    | Desc::Constraint
                    | Desc::CheckConstraint
            )
        };
        for entry in self.entries.iter().filter(takes_part) {
            let tables = self.tables(entry);
            // A rule or policy may depend on other tables; a view may have rules, too.
            let is_own = |on: &DumpId| self.links.is_child(*on, entry, self.entries);
            let own = entry.dependencies.iter().copied().filter(is_own);
            let own: Vec<DumpId> = own.collect();
            for table in if own.is_empty() { tables } else { own } {
                all.entry(table).or_default().push(entry);
            }
        }
        all
    }
}
