//! Gathers statistics about a table whose rows were loaded (`--analyze`). Nothing depends on it:
//! failures are reported, but not as errors.

use std::time::Instant;

use crate::archive::{Desc, Entry, Place};
use crate::plan::Step;
use crate::restore::error::WorkError;
use crate::restore::event::{EntryRef, Event};
use crate::restore::session::lane::Lane;
use crate::sql::ident::qualified;

/// The first server version that can exclude a table's partitions, and includes them by default
/// (release notes of PostgreSQL 18, "ONLY").
const ONLY_SINCE: u32 = 180_000;

/// The entry kind it is reported under; no archive has such entries.
const KIND: &str = "ANALYZE";

/// Analyses the table of an entry.
pub(crate) async fn analyze(lane: &mut Lane, place: Place, step: Step) {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    let entry = facts.entry(place);
    if entry.desc == Desc::TableData && !ledger.is_loaded(place) {
        return;
    }
    let started = Instant::now();
    let about = EntryRef { desc: KIND.to_owned(), ..EntryRef::from(entry) };
    let number = lane.number;
    facts.events.send(Event::Started {
        entry: about.clone(),
        again: false,
        lane: number,
        data_bytes: None,
    });
    lane.attend(entry.dump_id.0);
    let result = Box::pin(run(lane, entry, step)).await;
    lane.attend(0);
    let failure = match result {
        Ok(false) => {
            facts.events.send(Event::Paused { dump_id: about.dump_id, lane: number });
            return;
        }
        Ok(true) => None,
        Err(error) => Some(error.failure()),
    };
    let duration = started.elapsed();
    facts.events.send(Event::Analyzed { entry: about, lane: number, failure, duration });
}

/// Returns whether there was anything to do.
async fn run(lane: &mut Lane, entry: &Entry, step: Step) -> Result<bool, WorkError> {
    let facts = lane.facts.clone();
    lane.renew().await?;
    let has_only = lane.session().await?.server_version_num() >= ONLY_SINCE;
    if step == Step::AnalyzePartition && !has_only {
        return Ok(false);
    }
    for setting in lane.state.before_data(entry, &facts.style) {
        lane.set(setting).await?;
    }
    let table = qualified(entry.namespace.as_deref(), &entry.tag);
    let sql = format!("ANALYZE {}{table};", if has_only { "ONLY " } else { "" });
    if !lane.in_group() {
        lane.execute(&sql).await?;
        return Ok(true);
    }
    // A failure here must not abort the transaction that holds several entries.
    lane.execute("SAVEPOINT before_analyze;").await?;
    let analyzed = lane.execute(&sql).await;
    if analyzed.is_err() {
        lane.execute("ROLLBACK TO SAVEPOINT before_analyze;").await?;
    }
    lane.execute("RELEASE SAVEPOINT before_analyze;").await?;
    analyzed?;
    Ok(true)
}
