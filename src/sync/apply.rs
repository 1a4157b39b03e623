//! Applies what the lanes find, one table after the other, in the closing transaction.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::restore::event::{self, Answer, EntryRef, Event, LaneId};
use crate::source::{RandomAccess, StreamAccess};
use crate::sync::close::{Applied, Closer};
use crate::sync::error::SyncError;
use crate::sync::manifest::Rel;
use crate::sync::reason::Reason;
use crate::sync::report::TableReport;
use crate::sync::scan::{self, Finding, Lanes, Message, Scan, ScanJob, Way};
use crate::sync::tables::{Scanned, TableKind};

/// Messages that may wait: of tables whose changes are staged.
const WAITING: usize = 64;

/// The tables on their way into the closing transaction.
pub(super) struct Apply {
    scan: Arc<Scan>,
    /// `None` if nothing is to be changed.
    closer: Option<Closer>,
    /// The archive's data, unless it is a stream.
    random: Option<RandomAccess>,
    /// Tables that no one had written to.
    untouched: HashSet<usize>,
    /// What was done, by the tables' numbers.
    done: Vec<Option<TableReport>>,
    /// What the next sync has to know, by the tables' numbers.
    rels: Vec<Option<Rel>>,
    /// Tables that call functions: whether they are left depends on all others.
    computed: Vec<Finding>,
    /// Whether these are decided.
    is_late: bool,
    /// Tables to read again.
    again: Vec<ScanJob>,
}

impl Apply {
    pub(super) fn new(
        scan: &Arc<Scan>,
        closer: Option<Closer>,
        random: Option<RandomAccess>,
    ) -> Self {
        let count = scan.tables.len();
        Self {
            scan: scan.clone(),
            closer,
            random,
            untouched: HashSet::new(),
            done: vec![None; count],
            rels: vec![None; count],
            computed: Vec::new(),
            is_late: false,
            again: Vec::new(),
        }
    }

    /// Reads and changes all tables.
    ///
    /// # Errors
    /// When a table cannot be read or changed. Nothing is committed.
    pub(super) async fn all(
        &mut self,
        stream: Option<StreamAccess>,
        jobs: Vec<ScanJob>,
    ) -> Result<(), SyncError> {
        let untouched = jobs.iter().filter(|job| matches!(job.way, Way::Untouched));
        self.untouched = untouched.map(|job| job.table).collect();
        let (sender, messages) = mpsc::channel(WAITING);
        let lanes = match (stream, &self.random) {
            (Some(stream), _) => scan::start_stream(&self.scan, stream, jobs, sender),
            (None, Some(random)) => scan::start(&self.scan, random, jobs, sender),
            (None, None) => return Err(SyncError::Internal("no archive to read".to_owned())),
        };
        self.round(lanes, messages).await?;
        self.those_refused().await?;
        self.is_late = true;
        let (same, differing): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.computed).into_iter().partition(|found| self.is_same(found));
        let has_changed =
            !differing.is_empty() || self.done.iter().flatten().any(TableReport::is_changed);
        for finding in differing.into_iter().chain(same) {
            match &finding.scanned {
                _ if !has_changed && self.is_same(&finding) => self.leave(finding)?,
                // The others are staged.
                Scanned::Unchanged => {
                    let (table, way) = (finding.table, Way::Replace(Reason::Computed));
                    self.again.push(ScanJob { table, way });
                }
                _ => self.change(finding).await?,
            }
        }
        self.those_refused().await
    }

    /// Reads tables again whose patch was refused.
    async fn those_refused(&mut self) -> Result<(), SyncError> {
        while !self.again.is_empty() {
            let jobs = std::mem::take(&mut self.again);
            let Some(random) = &self.random else {
                let reasons = jobs.into_iter().map(|job| match job.way {
                    Way::Replace(reason) | Way::Compare(reason) => {
                        reason.of(&self.scan.tables[job.table].sql())
                    }
                    Way::Untouched => Reason::DataChanged,
                });
                return Err(SyncError::NeedsFull(reasons.collect()));
            };
            let (sender, messages) = mpsc::channel(WAITING);
            let lanes = scan::start(&self.scan, random, jobs, sender);
            self.round(lanes, messages).await?;
        }
        Ok(())
    }

    /// Changes the tables that these lanes read.
    async fn round(
        &mut self,
        mut lanes: Lanes,
        mut messages: mpsc::Receiver<Message>,
    ) -> Result<(), SyncError> {
        let ended = |lane: Result<Result<(), SyncError>, tokio::task::JoinError>| {
            lane.map_err(|error| SyncError::Internal(error.to_string()))?
        };
        loop {
            let message = tokio::select! {
                message = messages.recv() => message,
                Some(lane) = lanes.join_next() => {
                    ended(lane)?;
                    continue;
                }
                never = stay_alive(self.closer.as_ref()) => match never {},
            };
            match message {
                Some(Message::Hold(table, held)) => {
                    if let Some(closer) = &mut self.closer {
                        closer.hold(&self.scan.tables[table]).await?;
                    }
                    // A lane that has failed reports why.
                    let _ = held.send(());
                }
                Some(Message::Found(finding)) => self.found(*finding).await?,
                None => break,
            }
        }
        while let Some(lane) = lanes.join_next().await {
            ended(lane)?;
        }
        Ok(())
    }

    async fn found(&mut self, finding: Finding) -> Result<(), SyncError> {
        let kind = &self.scan.tables[finding.table].kind;
        match (&finding.scanned, kind) {
            (_, TableKind::Whole(Reason::Computed)) if !self.is_late => {
                self.computed.push(finding);
                Ok(())
            }
            (Scanned::Unchanged, _) => self.leave(finding),
            _ => self.change(finding).await,
        }
    }

    /// Whether the archive's data is that of the last sync, and no one has written to the table.
    fn is_same(&self, finding: &Finding) -> bool {
        let known = self.scan.tables[finding.table].known.as_ref().and_then(|rel| rel.data);
        matches!(finding.scanned, Scanned::Unchanged)
            || (known.is_some()
                && finding.digest == known
                && self.untouched.contains(&finding.table))
    }

    /// Leaves a table as it is.
    fn leave(&mut self, finding: Finding) -> Result<(), SyncError> {
        let Some(rel) = self.scan.tables[finding.table].known.clone() else {
            return Err(SyncError::Internal("an unknown table is unchanged".to_owned()));
        };
        self.rels[finding.table] = Some(rel);
        self.report(finding, (Answer::Unchanged, 0, 0));
        Ok(())
    }

    /// Changes a table.
    async fn change(&mut self, mut finding: Finding) -> Result<(), SyncError> {
        let scan = self.scan.clone();
        let table = &scan.tables[finding.table];
        let answer = match &finding.scanned {
            Scanned::Unchanged => Answer::Unchanged,
            Scanned::Patch(_) => Answer::Patched,
            Scanned::Whole(_) => Answer::Replaced,
        };
        let (began, lane) = (Instant::now(), LaneId(scan.jobs));
        let entry = EntryRef::from(scan.toc.at(table.data));
        let dump_id = entry.dump_id;
        scan.events.send(Event::Started { entry, again: true, lane, data_bytes: None });
        finding.lane = lane;
        let applied = match (&mut self.closer, &finding.scanned) {
            (Some(closer), Scanned::Patch(patch)) => Box::pin(closer.patch(table, patch)).await?,
            (Some(closer), Scanned::Whole(whole)) => Box::pin(closer.replace(table, whole)).await?,
            (_, scanned) => {
                let known = table.known.as_ref().map_or(0, |rel| rel.baseline.rows);
                let (rows_in, rows_out) = match scanned {
                    Scanned::Unchanged => (0, 0),
                    Scanned::Patch(patch) => (patch.staged, patch.gone.len() as u64),
                    Scanned::Whole(whole) => (whole.new.rows, known),
                };
                self.report(finding, (answer, rows_in, rows_out));
                return Ok(());
            }
        };
        finding.took += began.elapsed();
        match applied {
            Applied::Done { rows_in, rows_out, baseline } => {
                let (schema, name) = (table.schema.clone(), table.name.clone());
                let (oid, data) = (table.oid, finding.digest);
                self.rels[finding.table] = Some(Rel { oid, schema, name, data, baseline });
                let is_same = answer == Answer::Patched && (rows_in, rows_out) == (0, 0);
                let answer = if is_same { Answer::Unchanged } else { answer };
                self.report(finding, (answer, rows_in, rows_out));
                Ok(())
            }
            Applied::Refused(reason) if answer == Answer::Patched => {
                scan.events.send(Event::Paused { dump_id, lane });
                let (table, way) = (finding.table, Way::Replace(reason));
                self.again.push(ScanJob { table, way });
                Ok(())
            }
            Applied::Refused(reason) => Err(SyncError::NeedsFull(vec![reason.of(&table.sql())])),
        }
    }

    /// Notes and tells what was done with a table.
    fn report(&mut self, finding: Finding, (answer, rows_in, rows_out): (Answer, u64, u64)) {
        let table = &self.scan.tables[finding.table];
        let entry = EntryRef::from(self.scan.toc.at(table.data));
        // What changed in the archive needs no reason.
        let reason = finding.reason.filter(|reason| *reason != Reason::DataChanged);
        self.scan.events.send(Event::Applied {
            entry: entry.clone(),
            answer,
            rows_in,
            rows_out,
            reason: reason.as_ref().map(Reason::to_string),
        });
        let outcome = match answer {
            Answer::Unchanged => event::Outcome::Skipped { reason: answer.word().to_owned() },
            Answer::Patched | Answer::Replaced => event::Outcome::Done,
        };
        self.scan.events.send(Event::Finished {
            entry,
            lane: finding.lane,
            outcome,
            rows: rows_in,
            bytes: 0,
            read: finding.read,
            duration: finding.took,
        });
        let (schema, name) = (table.schema.clone(), table.name.clone());
        let report = TableReport { schema, name, answer, rows_in, rows_out, reason };
        self.done[finding.table] = Some(report);
    }

    /// What was done with all tables.
    ///
    /// # Errors
    /// When nothing was done with one.
    pub(super) fn finish(self) -> Result<Outcome, SyncError> {
        let Self { closer, done, rels, .. } = self;
        let count = done.len();
        let tables: Vec<TableReport> = done.into_iter().flatten().collect();
        let rels: Vec<Rel> = rels.into_iter().flatten().collect();
        if tables.len() < count || (closer.is_some() && rels.len() < count) {
            return Err(SyncError::Internal("a table was never finished".to_owned()));
        }
        Ok(Outcome { closer, tables, rels })
    }
}

/// What was done with all tables.
pub(super) struct Outcome {
    /// The closing transaction, still open; `None` if nothing was to be changed.
    pub(super) closer: Option<Closer>,
    /// What was done, by the tables' numbers.
    pub(super) tables: Vec<TableReport>,
    /// What the next sync has to know, by the tables' numbers; empty if nothing was to be changed.
    pub(super) rels: Vec<Rel>,
}

/// Keeps the closing transaction's session in use.
async fn stay_alive(closer: Option<&Closer>) -> Infallible {
    match closer {
        Some(closer) => closer.stay_alive().await,
        None => std::future::pending().await,
    }
}
