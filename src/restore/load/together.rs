//! Loads a table's rows through several sessions: all commit, or none.
//!
//! Each session has its own transaction, and the server cannot commit several atomically. So all
//! results are checked first (every COPY, the sum of the rows, the end of the archive's data), and
//! only then are the transactions committed, one after another. What can still go wrong is the loss
//! of a session between two commits; then the table is emptied again, since this restore created it
//! and no one else uses it.

use std::time::Instant;

use futures::StreamExt;
use futures::future::{Fuse, FutureExt};
use futures::stream::FuturesUnordered;

use crate::error::chain;
use crate::restore::error::WorkError;
use crate::restore::event::{EntryRef, Event};
use crate::restore::journal::line::{JournalLine, Mark};
use crate::restore::load::copy::{CopyRows, Taker};
use crate::restore::load::decode::RowPiece;
use crate::restore::load::loaded::{Loaded, stored_as_sent};
use crate::restore::load::share::Joining;
use crate::restore::session::lane::Lane;
use crate::server;
use crate::statements::data::truncate_only;

/// A session that is helping.
struct Helper {
    lane: Lane,
    /// When it joined.
    since: Instant,
    /// Whether its transaction has started.
    begun: bool,
}

/// The combined result of the sessions.
#[derive(Default)]
struct Parts {
    stored: u64,
    failure: Option<WorkError>,
    helpers: Vec<Helper>,
}

/// Loads a table's rows, starting with `first`, through `lane`, which is in a transaction, and
/// through the sessions that join. Ends the transactions.
pub(crate) async fn load_with_help(
    rows: &CopyRows<'_>,
    lane: &mut Lane,
    taker: Taker<'_>,
    first: Option<RowPiece>,
    mut joining: Joining<'_, Lane>,
    line: Option<JournalLine>,
) -> Result<Loaded, WorkError> {
    let facts = rows.facts;
    let ledger = lane.ledger.clone();
    let Parts { stored, failure, mut helpers } =
        load_parts(rows, lane, taker, first, &mut joining).await;
    let loaded = match failure {
        None => stored_as_sent(rows.progress.loaded(), stored),
        Some(failure) => Err(failure),
    };
    let loaded = match loaded {
        Ok(loaded) => {
            let line = line.map(|line| line.with(loaded.as_read(facts)));
            commit(rows, lane, &mut helpers, line).await.map(|()| loaded)
        }
        Err(error) => {
            roll_back(lane, &mut helpers).await;
            Err(error)
        }
    };
    for Helper { lane, since, .. } in helpers {
        lane.attend(0);
        ledger.note_help(rows.entry.dump_id, since.elapsed());
        facts.events.send(Event::Left { dump_id: rows.entry.dump_id.0, lane: lane.number });
        joining.give_back(lane);
    }
    loaded
}

async fn load_parts(
    rows: &CopyRows<'_>,
    lane: &mut Lane,
    taker: Taker<'_>,
    first: Option<RowPiece>,
    joining: &mut Joining<'_, Lane>,
) -> Parts {
    let mut parts = Parts::default();
    let own = async {
        let session = lane.session().await?;
        rows.send_all(session, taker, first).await
    };
    let own = own.fuse();
    let mut own = std::pin::pin!(own);
    let mut helping = FuturesUnordered::new();
    loop {
        tokio::select! {
            stored = &mut own, if !is_done(&own) => {
                joining.close();
                parts.add(stored);
            }
            Some((helper, stored)) = helping.next() => {
                parts.helpers.push(helper);
                parts.add(stored);
            }
            Some(lane) = joining.next(), if !is_done(&own) => helping.push(help(rows, lane)),
            else => return parts,
        }
    }
}

fn is_done<F: Future>(future: &Fuse<F>) -> bool {
    use futures::future::FusedFuture;
    future.is_terminated()
}

impl Parts {
    fn add(&mut self, stored: Result<u64, WorkError>) {
        match stored {
            Ok(stored) => self.stored += stored,
            // The other failures follow from the first.
            Err(failure) => drop(self.failure.get_or_insert(failure)),
        }
    }
}

/// One session's help. Its transaction stays open.
async fn help(rows: &CopyRows<'_>, mut lane: Lane) -> (Helper, Result<u64, WorkError>) {
    let (facts, entry) = (rows.facts, rows.entry);
    let since = Instant::now();
    lane.attend(entry.dump_id.0);
    facts.events.send(Event::Joined { entry: EntryRef::from(entry), lane: lane.number });
    if let Err(error) = begin(rows, &mut lane).await {
        // It has taken no rows, so none are missing.
        let message =
            format!("loading {} with one session fewer: {}", entry.label(), chain(&error));
        facts.events.send(Event::Warning { message });
        return (Helper { lane, since, begun: false }, Ok(0));
    }
    let stored = take_part(rows, &mut lane).await;
    (Helper { lane, since, begun: true }, stored)
}

async fn begin(rows: &CopyRows<'_>, lane: &mut Lane) -> server::Result<()> {
    let (facts, entry) = (rows.facts, rows.entry);
    lane.renew().await?;
    for setting in lane.state.before_data(entry, &facts.style) {
        lane.set(setting).await?;
    }
    lane.begin_own().await
}

async fn take_part(rows: &CopyRows<'_>, lane: &mut Lane) -> Result<u64, WorkError> {
    let session = lane.session().await?;
    let mut taker = rows.taker();
    match taker.next().await {
        Ok(None) => Ok(0),
        Ok(first) => rows.send_all(session, taker, first).await,
        Err(error) => Err(error),
    }
}

/// Commits the transactions one by one, the one with the journal line last: without that line the
/// table is not done. If one commit fails after another succeeded, the table is emptied.
async fn commit(
    rows: &CopyRows<'_>,
    lane: &mut Lane,
    helpers: &mut [Helper],
    line: Option<JournalLine>,
) -> Result<(), WorkError> {
    let ledger = lane.ledger.clone();
    // An interrupted restore waits for this, so that it does not end between two commits.
    let _committing = ledger.server.committing().await;
    let begun = helpers.iter_mut().filter(|helper| helper.begun).map(|helper| &mut helper.lane);
    let mut open: Vec<&mut Lane> = begun.collect();
    open.push(lane);
    for number in 0..open.len() {
        let line = line.filter(|_| number + 1 == open.len());
        if let Err(error) = open[number].commit_own(line).await {
            for lane in &mut open[number + 1..] {
                lane.roll_back_own().await;
            }
            let may_be_there = number > 0 || matches!(error, server::SessionError::Protocol(..));
            if may_be_there && let Some(last) = open.pop() {
                empty(rows, last).await?;
            }
            return Err(error.into());
        }
    }
    Ok(())
}

/// Removes the rows of committed transactions from the table. If that fails, the table must not be
/// loaded again.
async fn empty(rows: &CopyRows<'_>, lane: &mut Lane) -> Result<(), WorkError> {
    let mut sql = truncate_only(rows.entry);
    if let Some(journal) = lane.journal.get() {
        // The last COMMIT may have succeeded after all, with its line.
        sql.push_str(&journal.take_back(rows.entry.dump_id, Mark::Done));
    }
    let truncated = match lane.renew().await {
        Ok(()) => lane.execute(&sql).await,
        Err(error) => Err(error),
    };
    truncated.map_err(|error| {
        let message = format!(
            "the table may be partially loaded and could not be truncated: {}",
            chain(&error)
        );
        WorkError::Other(message)
    })
}

async fn roll_back(lane: &mut Lane, helpers: &mut [Helper]) {
    let begun = helpers.iter_mut().filter(|helper| helper.begun).map(|helper| &mut helper.lane);
    for lane in std::iter::once(lane).chain(begun) {
        lane.roll_back_own().await;
    }
}
