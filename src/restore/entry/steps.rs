//! Creates constraints in two steps, so that other sessions can work on the table meanwhile (see
//! [`crate::plan::Step`]). The second step finishes what the first one leaves; what cannot be done
//! in steps is done as in the archive.

use std::time::{Duration, Instant};

use crate::archive::{Desc, Place};
use crate::error::chain;
use crate::plan::Step;
use crate::restore::entry::analyze::analyze;
use crate::restore::entry::foreign_keys::{DISTRIBUTED, PARTITIONED, tell_checked};
use crate::restore::entry::orphans;
use crate::restore::entry::work::{pass_over, restore_entry, rows_missing};
use crate::restore::error::WorkError;
use crate::restore::event::{Event, Outcome};
use crate::restore::facts::Facts;
use crate::restore::journal::line::Mark;
use crate::restore::ledger::{Finished, FirstStep, Ledger};
use crate::restore::load::source::DataSource;
use crate::restore::session::lane::Lane;
use crate::server::Session;
use crate::sql::constraint;
use crate::sql::ident::qualified;

/// The first server version in which a partitioned table can have a `NOT VALID` key.
const NOT_VALID_WITH_PARTITIONS: u32 = 180_000;

/// Does a step of an entry.
pub(crate) async fn restore_step(lane: &mut Lane, place: Place, step: Step) {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    if step.is_analyze() {
        return analyze(lane, place, step).await;
    }
    if lane.journal.is_done(facts.entry(place)) {
        return pass_over(lane, place).await;
    }
    let journal = lane.journal.get();
    if let Some(rows) = journal.and_then(|_| ledger.rows_missing(facts.entry(place))) {
        let outcome = Outcome::Failed { failure: rows_missing(rows) };
        return ledger
            .finish(place, Finished { lane: lane.number, outcome, ..Finished::default() });
    }
    let step = step_left(&ledger, place, step);
    let sql = step_sql(&facts, place, step);
    if ledger.server.is_distributed(facts.entry(place)) {
        return match step {
            Step::BuildIndex | Step::AddForeignKey => {
                // Everything is left for the second step.
                ledger.set_first_step(place, FirstStep::Refused);
            }
            Step::AddNotValid => {
                tell_checked(&facts.events, facts.entry(place), DISTRIBUTED);
                restore_entry(lane, place, DataSource::archive()).await;
            }
            _ => restore_entry(lane, place, DataSource::archive()).await,
        };
    }
    let before = ledger.first_step(place) == Some(FirstStep::Before);
    match (step, sql) {
        // Reported when the second step is done.
        (Step::BuildIndex | Step::AddForeignKey, _) if before => {}
        (Step::AddNotValid, Some(sql)) => add_not_valid(lane, place, &sql).await,
        (Step::BuildIndex | Step::AddForeignKey, Some(sql)) => {
            first(lane, place, step, &sql).await;
        }
        (Step::UseIndex | Step::Validate, Some(sql)) => {
            let first = ledger.first_step(place);
            match first {
                Some(FirstStep::Done(time)) => second(lane, place, step, &sql, time).await,
                Some(FirstStep::Before) => {
                    second(lane, place, step, &sql, Duration::ZERO).await;
                }
                Some(FirstStep::Refused) => {
                    restore_entry(lane, place, DataSource::archive()).await;
                }
                // The entry has already failed, or was never started.
                None => {}
            }
        }
        _ => restore_entry(lane, place, DataSource::archive()).await,
    }
}

async fn first(lane: &mut Lane, place: Place, step: Step, sql: &str) {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    let entry = facts.entry(place);
    let (dump_id, number) = (entry.dump_id.0, lane.number);
    let started = Instant::now();
    lane.attend(dump_id);
    ledger.tell_started(place, number, None);
    match run(lane, place, sql, Mark::FirstStep).await {
        Ok(()) => {
            let time = started.elapsed();
            ledger.set_first_step(place, FirstStep::Done(time));
            facts.events.send(Event::Paused { dump_id, lane: number });
        }
        // Rows that break the constraint break it in any form.
        Err(error) if step == Step::AddForeignKey || is_about_rows(&error) => {
            fail(lane, place, &error, started.elapsed()).await;
        }
        Err(_) => {
            ledger.set_first_step(place, FirstStep::Refused);
            facts.events.send(Event::Paused { dump_id, lane: number });
        }
    }
    lane.attend(0);
}

async fn second(lane: &mut Lane, place: Place, step: Step, sql: &str, before: Duration) {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    let entry = facts.entry(place);
    let started = Instant::now();
    lane.attend(entry.dump_id.0);
    ledger.tell_started(place, lane.number, None);
    match run(lane, place, sql, Mark::Done).await {
        Ok(()) => {
            let duration = before + started.elapsed();
            ledger.finish(place, Finished { lane: lane.number, duration, ..Finished::default() });
        }
        Err(error) if step == Step::UseIndex && !error.retry().is_at_once() => {
            // The archive's statement will show what is wrong, if anything is.
            drop_index(lane, place).await;
            restore_entry(lane, place, DataSource::archive()).await;
        }
        Err(error) => {
            // With a journal, the next run continues with it; without one it has the name of a
            // constraint that does not exist.
            if step == Step::UseIndex && lane.journal.get().is_none() {
                drop_index(lane, place).await;
            }
            fail(lane, place, &error, before + started.elapsed()).await;
        }
    }
    lane.attend(0);
}

/// Drops the index of a constraint's first step.
async fn drop_index(lane: &mut Lane, place: Place) {
    let facts = lane.facts.clone();
    let entry = facts.entry(place);
    let index = qualified(entry.namespace.as_deref(), constraint_name(&facts, place));
    let mut drop = format!("DROP INDEX {index};");
    if let Some(journal) = lane.journal.get() {
        drop.push_str(&journal.take_back(entry.dump_id, Mark::FirstStep));
    }
    let dropped = match lane.renew().await {
        Ok(()) => lane.execute(&drop).await,
        Err(error) => Err(error),
    };
    if let Err(error) = dropped {
        let message = format!("cannot drop the index {index}: {}", chain(&error));
        facts.events.send(Event::Warning { message });
    }
}

/// Adds a foreign key that is not to be validated.
async fn add_not_valid(lane: &mut Lane, place: Place, sql: &str) {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    let entry = facts.entry(place);
    if let Err(error) = lane.renew().await {
        return fail(lane, place, &error.into(), Duration::ZERO).await;
    }
    let partitioned = constraint::foreign_key(&entry.defn).is_some_and(|key| key.partitioned);
    let version = lane.session().await.map(Session::server_version_num);
    if partitioned && version.is_ok_and(|version| version < NOT_VALID_WITH_PARTITIONS) {
        tell_checked(&facts.events, entry, PARTITIONED);
        return restore_entry(lane, place, DataSource::archive()).await;
    }
    let (dump_id, number) = (entry.dump_id.0, lane.number);
    let started = Instant::now();
    lane.attend(dump_id);
    ledger.tell_started(place, number, None);
    let done = match run(lane, place, sql, Mark::Done).await {
        Ok(()) => lane.count(1).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => {
            let (duration, uncommitted) = (started.elapsed(), lane.is_uncommitted());
            facts.events.send(Event::NotChecked { dump_id });
            ledger.finish(
                place,
                Finished { lane: number, duration, uncommitted, ..Finished::default() },
            );
        }
        Err(error) => fail(lane, place, &error, started.elapsed()).await,
    }
    lane.attend(0);
}

async fn run(lane: &mut Lane, place: Place, sql: &str, mark: Mark) -> Result<(), WorkError> {
    let facts = lane.facts.clone();
    let entry = facts.entry(place);
    lane.renew().await?;
    for setting in lane.state.before(entry, &facts.style) {
        lane.set(setting).await?;
    }
    lane.execute_recorded(entry, sql, mark).await
}

/// Integrity constraint violations: class 23 of the SQLSTATEs.
fn is_about_rows(error: &WorkError) -> bool {
    error.server().is_some_and(|error| error.sqlstate.starts_with("23"))
}

async fn fail(lane: &mut Lane, place: Place, error: &WorkError, duration: Duration) {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    let entry = facts.entry(place);
    let mut failure = ledger.failure(entry, error);
    let is_there = ledger.first_step(place).is_some();
    if is_there && orphans::are_the_reason(entry, error) {
        Box::pin(orphans::tell(lane, entry, &mut failure)).await;
    } else {
        if is_there && entry.desc == Desc::FkConstraint {
            failure.message.push_str(orphans::NOT_VALID);
        }
        ledger.note_refused(entry, error, &failure);
    }
    // An error has aborted the transaction of several entries, if this is in one.
    let outcome = if !lane.in_group() && ledger.tolerates(entry, error) {
        Outcome::Tolerated { failure }
    } else {
        Outcome::Failed { failure }
    };
    ledger.finish(place, Finished { lane: lane.number, outcome, duration, ..Finished::default() });
}

/// What remains of a step: an earlier run may have started in two steps an entry that is now
/// made in one.
fn step_left(ledger: &Ledger, place: Place, step: Step) -> Step {
    let begun = ledger.first_step(place) == Some(FirstStep::Before);
    match (step, &ledger.facts.entry(place).desc) {
        (Step::Entire, Desc::FkConstraint) if begun => Step::Validate,
        (Step::Entire, Desc::Constraint) if begun => Step::UseIndex,
        _ => step,
    }
}

/// The SQL of a step; `None` for an entry that is not made in steps.
fn step_sql(facts: &Facts, place: Place, step: Step) -> Option<String> {
    let definition = &facts.entry(place).defn;
    match step {
        Step::Entire => None,
        Step::BuildIndex => Some(constraint::unique(definition)?.create_index),
        Step::UseIndex => Some(constraint::unique(definition)?.add_constraint),
        Step::AddForeignKey => Some(constraint::foreign_key(definition)?.add_not_valid),
        Step::Validate => Some(constraint::foreign_key(definition)?.validate),
        Step::AddNotValid => Some(constraint::foreign_key(definition)?.add_not_valid),
        Step::Analyze | Step::AnalyzePartition => None,
    }
}

/// A constraint's name: the entry's tag is the table's name followed by the constraint's.
fn constraint_name(facts: &Facts, place: Place) -> &str {
    let entry = facts.entry(place);
    let tables = entry.dependencies.iter().filter_map(|id| facts.toc.get(*id));
    let own = tables.filter_map(|table| entry.tag.strip_prefix(&table.tag)?.strip_prefix(' '));
    own.min_by_key(|name| name.len()).unwrap_or(&entry.tag)
}
