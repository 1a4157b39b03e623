//! Drops the objects to be restored (`--clean`), in reverse order.

use crate::archive::{Desc, Entry, Place};
use crate::error::chain;
use crate::restore::error::{RestoreError, Result, WorkError};
use crate::restore::event::{EntryRef, Event};
use crate::restore::journal::line::{JournalLine, Mark};
use crate::restore::journal::state::Journal;
use crate::restore::session::commands::Refused;
use crate::restore::session::lane::Lane;
use crate::restore::session::once::Once;
use crate::statements::drop_object;

/// Drops existing objects if `--clean` is set. If an earlier run has done so, nothing is dropped:
/// objects restored since must stay. Returns false when the restore must stop because of a failure.
pub(crate) async fn make_room(lane: &mut Lane, order: &[Place]) -> Result<bool> {
    let facts = lane.facts.clone();
    if !facts.options.clean || lane.journal.is_over(Mark::Dropped) {
        return Ok(true);
    }
    if !drop_objects(lane, order).await {
        return Ok(false);
    }
    let written = lane.record(JournalLine::of_all(Mark::Dropped)).await;
    written.map_err(|error| {
        RestoreError::Internal(format!("cannot write the journal: {}", chain(&error)))
    })?;
    Ok(true)
}

/// Drops the wanted entries' objects in the reverse of `order`. Failures are reported and counted.
/// Returns false when the restore must stop because of one.
async fn drop_objects(lane: &mut Lane, order: &[Place]) -> bool {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    facts.events.send(Event::Step { what: "dropping existing objects".to_owned() });
    for &place in order.iter().rev() {
        let entry = facts.entry(place);
        let want = facts.want(place);
        let of_database = matches!(entry.desc, Desc::Database | Desc::DatabaseProperties);
        let wanted = (want.schema || want.data) && !entry.drop_stmt.is_empty();
        // The session is still connected to another database: only the database itself may be
        // dropped.
        if !wanted || (facts.options.create && !of_database) {
            continue;
        }
        let Err(refused) = drop_one(lane, entry, of_database).await else {
            continue;
        };
        for (error, count) in refused.errors() {
            let mut failure = error.failure();
            failure.add_count(*count);
            let tolerated = ledger.tolerates(entry, error);
            let lost = matches!(error, WorkError::Target(error) if error.is_connection_lost());
            facts.events.send(Event::DropFailed {
                entry: EntryRef::from(entry),
                failure,
                tolerated,
            });
            if !tolerated {
                ledger.count_error();
            }
            if lost || (!tolerated && facts.options.exit_on_error) {
                return false;
            }
        }
    }
    // One of them may have been the schema in the session's search path.
    lane.state.forget_schema();
    true
}

async fn drop_one(lane: &mut Lane, entry: &Entry, of_database: bool) -> Result<(), Refused> {
    let facts = lane.facts.clone();
    let begun = async {
        lane.renew().await?;
        if of_database {
            lane.commit_group().await?;
        }
        for setting in lane.state.before_data(entry, &facts.style) {
            lane.set(setting).await?;
        }
        Ok(())
    };
    begun.await.map_err(WorkError::Target)?;
    // An earlier run may have been interrupted halfway through this.
    let if_exists = facts.options.if_exists || lane.journal.get().is_some_and(Journal::goes_on);
    let dropping =
        drop_object(entry, if_exists).map_err(|error| WorkError::Other(chain(&error)))?;
    if dropping.without_if_exists {
        let message = format!("cannot add IF EXISTS to the statement that drops {}", entry.label());
        facts.events.send(Event::Warning { message });
    }
    if let Some(command) = &dropping.command {
        let once = if of_database { Once::Unknown } else { Once::Numbered };
        lane.run_each(entry, std::slice::from_ref(command), once).await?;
    }
    if of_database {
        lane.begin_group().await.map_err(WorkError::Target)?;
    } else {
        lane.count(1).await?;
    }
    Ok(())
}
