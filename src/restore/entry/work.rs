//! Restores one entry: what `restore_toc_entry` does in `pg_backup_archiver.c`.

use std::time::Instant;

use crate::archive::objects::oids;
use crate::archive::{Desc, DumpId, Entry, Place};
use crate::restore::entry::failures::Failures;
use crate::restore::entry::orphans;
use crate::restore::error::WorkError;
use crate::restore::event::{Cause, Event, Failure, Outcome};
use crate::restore::facts::Facts;
use crate::restore::journal::DONE_BEFORE;
use crate::restore::journal::line::{JournalLine, Mark};
use crate::restore::ledger::{Finished, Ledger};
use crate::restore::load::loaded::Loaded;
use crate::restore::load::source::DataSource;
use crate::restore::options::Transactions;
use crate::restore::session::commands::Refused;
use crate::restore::session::lane::Lane;
use crate::restore::session::once::Once;
use crate::restore::tolerance::Tolerance;
use crate::server::sqlstate::{OBJECT_NOT_IN_PREREQUISITE_STATE, UNDEFINED_OBJECT};
use crate::statements::{Command, StatementError, definition, owner, partitioned_access_method};

/// Restores one entry and reports the outcome.
pub(crate) async fn restore_entry(lane: &mut Lane, place: Place, source: DataSource) {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    let entry = facts.entry(place);
    if lane.journal.is_done(entry) {
        return pass_over(lane, place).await;
    }
    let started = Instant::now();
    lane.attend(entry.dump_id.0);
    let data_bytes = facts.wants_archived_data(place).then(|| source.size(&facts, entry)).flatten();
    ledger.tell_started(place, lane.number, data_bytes);
    let mut work = EntryWork::on(&facts, &ledger, lane, entry);
    let skipped = Box::pin(work.run(place, source)).await;
    if ledger.is_postponed(place) {
        work.lane.attend(0);
        let (dump_id, lane) = (entry.dump_id.0, work.lane.number);
        return facts.events.send(Event::Paused { dump_id, lane });
    }
    let EntryWork { problems, loaded, .. } = work;
    let outcome = match (problems.outcome(), skipped) {
        (Outcome::Done, Some(reason)) => Outcome::Skipped { reason },
        (outcome, _) => outcome,
    };
    lane.attend(0);
    let finished = Finished {
        lane: lane.number,
        outcome,
        rows: loaded.rows,
        bytes: loaded.bytes,
        read: loaded.read,
        duration: started.elapsed(),
        uncommitted: lane.is_uncommitted(),
    };
    ledger.finish(place, finished);
}

/// Reports an entry that an earlier run restored.
pub(crate) async fn pass_over(lane: &mut Lane, place: Place) {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    let entry = facts.entry(place);
    let number = lane.number;
    let mut work = EntryWork::on(&facts, &ledger, lane, entry);
    work.enable_triggers_again().await;
    if let outcome @ Outcome::Failed { .. } = work.problems.outcome() {
        return ledger.finish(place, Finished { outcome, ..Finished::default() });
    }
    let outcome = Outcome::Skipped { reason: DONE_BEFORE.to_owned() };
    let read = facts.random.as_ref().filter(|_| facts.wants_archived_data(place));
    let read = read.and_then(|random| random.size(entry)).unwrap_or_default();
    ledger.finish(place, Finished { lane: number, outcome, read, ..Finished::default() });
}

/// The work on one entry, with what went wrong and what was loaded.
pub(crate) struct EntryWork<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) ledger: &'a Ledger,
    pub(crate) lane: &'a mut Lane,
    pub(crate) entry: &'a Entry,
    pub(crate) problems: Failures,
    pub(crate) loaded: Loaded,
}

impl<'a> EntryWork<'a> {
    fn on(facts: &'a Facts, ledger: &'a Ledger, lane: &'a mut Lane, entry: &'a Entry) -> Self {
        Self {
            facts,
            ledger,
            lane,
            entry,
            problems: Failures::default(),
            loaded: Loaded::default(),
        }
    }

    /// Returns the reason why the entry was skipped, if it was.
    async fn run(&mut self, place: Place, source: DataSource) -> Option<String> {
        let (facts, ledger, entry) = (self.facts, self.ledger, self.entry);
        let want = facts.want(place);
        if let Some(rows) = self.lane.journal.get().and_then(|_| ledger.rows_missing(entry)) {
            self.problems.add(rows_missing(rows), false);
            return None;
        }
        if entry.desc == Desc::Warning {
            let message = if entry.defn.is_empty() { &entry.copy_stmt } else { &entry.defn };
            let message = format!("warning from original dump file: {}", message.trim_end());
            facts.events.send(Event::Warning { message });
        }
        let mut defined = false;
        if want.schema {
            defined = true;
            self.define().await;
        }
        if want.data {
            if entry.had_dumper {
                return self.load(source).await;
            } else if !defined {
                self.define().await;
            }
        }
        if want.stats && !defined {
            self.define().await;
        }
        self.count().await;
        None
    }

    /// Runs the entry's definition and sets its owner and its other properties.
    async fn define(&mut self) {
        let (facts, ledger, entry) = (self.facts, self.ledger, self.entry);
        if !self.prepare().await {
            return;
        }
        let alone = matches!(entry.desc, Desc::Database | Desc::DatabaseProperties);
        if alone && !self.leave_group().await {
            return;
        }
        let listing = facts.blob_metadata(entry);
        let commands = match definition(entry, &facts.style, listing) {
            Ok(commands) => commands,
            Err(error) => return self.fail_statement(&error),
        };
        let follows = self.has_more_after_definition();
        let mark = if follows { Mark::Defined } else { Mark::Done };
        let line = ledger.is_final(entry).then(|| JournalLine::of(entry, mark));
        if !self.lane.journal.is_defined(entry)
            && let Err(refused) = self.run_commands(&commands, Once::of(entry), line).await
        {
            let error = refused.error();
            if self.postpones(error) {
                return;
            }
            if Box::pin(orphans::keep_not_valid(self.lane, entry, error)).await {
                let mut failure = ledger.failure(entry, error);
                Box::pin(orphans::tell(self.lane, entry, &mut failure)).await;
                return self.problems.add(failure, ledger.tolerates(entry, error));
            }
            self.fail_all(&refused);
            ledger.note_refused(entry, error, &ledger.failure(entry, error));
            // In a transaction that holds several entries, nothing more can be done.
            if !refused.all_exist() || self.lane.in_group() || self.must_stop() {
                return;
            }
        }
        if entry.desc == Desc::Table && !self.problems.any() {
            ledger.note_created(entry.dump_id);
        }
        self.set_owner().await;
        if self.must_stop() {
            return;
        }
        if let Some(sql) = partitioned_access_method(entry, &facts.style) {
            self.attempt(&sql).await;
        }
        if follows && !self.loads_rows() && !self.problems.any() {
            self.record_done().await;
        }
        if entry.is_acl() {
            self.lane.state.forget_user();
        }
        if alone {
            self.lane.change_database(&entry.tag);
            self.rejoin_group().await;
        }
    }

    /// Postpones an entry that failed because of a view that is not populated yet.
    fn postpones(&self, error: &WorkError) -> bool {
        let (facts, ledger, entry) = (self.facts, self.ledger, self.entry);
        let state = error.server().map(|error| error.sqlstate.as_str());
        let hopeful = entry.desc == Desc::MaterializedViewData
            && state == Some(OBJECT_NOT_IN_PREREQUISITE_STATE)
            && !self.lane.in_group()
            && !facts.options.exit_on_error;
        let place = facts.toc.position(entry.dump_id).filter(|_| hopeful);
        place.is_some_and(|place| ledger.postpone(place))
    }

    /// Whether work remains after the entry's definition: setting an owner, or loading rows.
    fn has_more_after_definition(&self) -> bool {
        let (facts, entry) = (self.facts, self.entry);
        !matches!(owner(entry, &facts.style), Ok(None))
            || partitioned_access_method(entry, &facts.style).is_some()
            || self.loads_rows()
    }

    fn loads_rows(&self) -> bool {
        let place = self.facts.toc.position(self.entry.dump_id);
        place.is_some_and(|place| self.facts.wants_archived_data(place))
    }

    async fn record_done(&mut self) {
        let line = JournalLine::of(self.entry, Mark::Done);
        if let Err(error) = self.lane.record(line).await {
            self.fail(&error);
        }
    }

    async fn run_commands(
        &mut self,
        commands: &[Command<'_>],
        once: Once,
        line: Option<JournalLine>,
    ) -> Result<(), Refused> {
        self.lane.run_commands(self.entry, commands, once, line).await
    }

    /// Whether an error has ended the restore (`--exit-on-error`): pg_restore exits at once, so
    /// nothing more is done for the same entry.
    fn must_stop(&self) -> bool {
        self.facts.options.exit_on_error && self.problems.count()
    }

    /// Applies the entry's settings to the session. Returns false if the entry must not be restored
    /// without them.
    async fn prepare(&mut self) -> bool {
        if let Err(error) = self.lane.renew().await {
            let error = WorkError::from(error);
            let failure = self.fail(&error);
            self.ledger.note_refused(self.entry, &error, &failure);
            return false;
        }
        let (state, style) = (&self.lane.state, &self.facts.style);
        let settings = match self.lane.journal.is_defined(self.entry) {
            // An earlier run has already decided where it is stored.
            true => state.before_data(self.entry, style),
            false => state.before(self.entry, style),
        };
        for setting in settings {
            let is_user = setting.is_user();
            if let Err(error) = self.lane.set(setting).await {
                let is_lost = error.is_connection_lost();
                let mut error = WorkError::from(error);
                if is_lost && !self.lane.in_group() {
                    match Box::pin(self.lane.recover(self.entry, error)).await {
                        Ok(()) => return true,
                        Err(again) => error = again,
                    }
                }
                let failure = self.fail(&error);
                if is_user || is_lost || self.must_stop() {
                    // As another user or not at all: better not at all.
                    self.ledger.note_refused(self.entry, &error, &failure);
                    return false;
                }
            }
        }
        true
    }

    async fn set_owner(&mut self) {
        let command = match owner(self.entry, &self.facts.style) {
            Ok(Some(command)) => command,
            Ok(None) => return,
            Err(error) => return self.fail_statement(&error),
        };
        let role = self.entry.owner.as_deref().unwrap_or_default();
        if self.ledger.server.lacks_role(role) {
            // Reported once for all entries; no need to ask the server each time.
            let failure = Failure {
                message: format!(
                    "role \"{role}\" does not exist; the restoring role keeps ownership"
                ),
                sqlstate: Some(UNDEFINED_OBJECT.to_owned()),
                cause: Some(Cause::MissingRole { role: role.to_owned() }),
                only_owner: !self.problems.any(),
                ..Failure::default()
            };
            let tolerated = self.facts.options.tolerate.contains(&Tolerance::MissingRole);
            return self.problems.add(failure, tolerated);
        }
        if let Err(refused) = self.run_command(&command).await {
            self.fail_all(&refused);
        }
    }

    /// Runs a command that declares a state: setting the current owner again is not an error
    /// (`ATExecChangeOwner` in `src/backend/commands/tablecmds.c` and similar functions).
    async fn run_command(&mut self, command: &Command<'_>) -> Result<(), Refused> {
        self.run_commands(std::slice::from_ref(command), Once::Again, None).await
    }

    /// Runs a statement whose failure does not stop the work on the entry.
    async fn attempt(&mut self, sql: &str) {
        if let Err(refused) = self.run_command(&Command::Sql(sql.into())).await {
            self.fail_all(&refused);
        }
    }

    /// Counts the entry in the transaction that holds several. SQL with several statements counts
    /// as that many; counting semicolons is good enough, except in function bodies.
    pub(crate) async fn count(&mut self) {
        if !matches!(self.facts.options.transactions, Transactions::Batches(_))
            || self.problems.any()
        {
            return;
        }
        let semicolons = match self.entry.desc {
            Desc::Function | Desc::Procedure => 0,
            Desc::BlobMetadata => oids(&self.entry.defn).count(),
            _ => self.entry.defn.matches(';').count().saturating_sub(1),
        };
        let actions = u32::try_from(semicolons).unwrap_or(u32::MAX).saturating_add(1);
        if let Err(error) = self.lane.count(actions).await {
            self.fail(&error);
        }
    }

    async fn leave_group(&mut self) -> bool {
        match self.lane.commit_group().await {
            Ok(()) => true,
            Err(error) => {
                self.fail(&error.into());
                false
            }
        }
    }

    async fn rejoin_group(&mut self) {
        if let Err(error) = self.lane.begin_group().await {
            self.fail(&error.into());
        }
    }

    fn fail_statement(&mut self, error: &StatementError) {
        let message = crate::error::chain(error);
        let error = WorkError::Other(message);
        let failure = self.fail(&error);
        if !matches!(self.entry.desc, Desc::Other(_)) {
            self.ledger.note_refused(self.entry, &error, &failure);
        }
    }

    fn fail_all(&mut self, refused: &Refused) {
        for (error, count) in refused.errors() {
            self.fail_often(error, *count);
        }
    }

    pub(crate) fn fail(&mut self, error: &WorkError) -> Failure {
        self.fail_often(error, 1)
    }

    /// Records an error that this many statements met.
    fn fail_often(&mut self, error: &WorkError, count: u64) -> Failure {
        let mut failure = self.ledger.failure(self.entry, error);
        failure.add_count(count);
        // An error has aborted the transaction, tolerated or not: the next entry cannot succeed.
        let tolerated = !self.lane.in_group() && self.ledger.tolerates(self.entry, error);
        self.problems.add(failure.clone(), tolerated);
        failure
    }
}

/// Why an entry is left for the next run, which will load these rows.
pub(crate) fn rows_missing(rows: DumpId) -> Failure {
    Failure {
        message: "the rows it depends on were not loaded".to_owned(),
        cause: Some(Cause::Entry { entry: rows.0 }),
        ..Failure::default()
    }
}
