//! An entry's data on its way into the database.
//!
//! Rows go into a separate transaction, which is committed only when the server has stored as many
//! rows as were sent and the archive's data has ended properly: a table is loaded completely or not
//! at all. A large table may be loaded by several sessions ([`crate::restore::load::together`]).

pub(crate) mod copy;
pub(crate) mod copy_format;
pub(crate) mod decode;
pub(crate) mod inserts;
pub(crate) mod loaded;
pub(crate) mod pieces;
pub(crate) mod progress;
pub(crate) mod row_triggers;
pub(crate) mod share;
pub(crate) mod source;
pub(crate) mod streamed_objects;
pub(crate) mod together;
pub(crate) mod transaction;

use crate::archive::{Desc, Entry, ReadCounter};
use crate::restore::error::WorkError;
use crate::restore::event::Event;
use crate::restore::facts::Facts;
use crate::restore::journal::line::JournalLine;
use crate::restore::ledger::Ledger;
use crate::restore::load::copy::CopyRows;
use crate::restore::load::copy_format::binary_columns;
use crate::restore::load::inserts::Inserts;
use crate::restore::load::loaded::{Loaded, stored_as_sent};
use crate::restore::load::pieces::EntryPieces;
use crate::restore::load::row_triggers::triggers_take_rows;
use crate::restore::load::share::Joining;
use crate::restore::load::source::DataSource;
use crate::restore::load::together::load_with_help;
use crate::restore::load::transaction::{Surroundings, Triggers};
use crate::restore::session::lane::Lane;
use crate::server::Session;
use crate::statements::data::truncate_only;

/// Bytes of archived data from which it pays off to truncate an empty table, to save WAL and to
/// allow frozen rows: that recreates each of its files and adds another, the visibility map.
const TRUNCATED_FROM: u64 = 8 * 1024;

/// Loads an entry's data.
pub(crate) async fn load(
    lane: &mut Lane,
    entry: &Entry,
    mut source: DataSource,
    triggers: Triggers,
) -> Result<Loaded, WorkError> {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    let help = source.help.take();
    lane.shortfalls.clear();
    lane.renew().await?;
    let settings: Vec<_> = if matches!(entry.desc, Desc::Blobs | Desc::BlobComments) {
        lane.state.before_large_objects(&facts.style).into_iter().collect()
    } else {
        lane.state.before_data(entry, &facts.style)
    };
    for setting in settings {
        lane.set(setting).await?;
    }
    let size = source.size(&facts, entry);
    let columns = binary_columns(&ledger, lane.session().await?, entry, size).await;
    let hashes = lane.journal.get().is_some() || facts.options.loaded.is_some();
    let counter = if hashes { ReadCounter::hashing() } else { ReadCounter::default() };
    let mut pieces = EntryPieces::open(&ledger, entry, source, columns, &counter)?;
    let resumed = lane.journal.may_be_half_loaded();
    let pays = size.is_none_or(|size| size >= TRUNCATED_FROM) || resumed;
    let mut surroundings = Surroundings {
        entry,
        truncate: pays && !lane.in_group() && ledger.is_new(entry),
        triggers,
        line: pieces.line(),
    };
    if entry.desc == Desc::Blobs || entry.copy_stmt.is_empty() {
        // Data that is damaged from its first byte is not worth a transaction.
        let first = pieces.next().await?;
        let begun = surroundings.begin(lane).await;
        // With a journal, the next run loads the whole table again.
        let keeps = lane.keeps_the_rest() && lane.journal.get().is_none();
        let session = lane.session().await?;
        let mut inserts = Inserts::new(session, facts.toc.standard_conforming_strings, keeps);
        let loaded = match (begun, &entry.desc) {
            (Err(error), _) => Err(error.into()),
            (Ok(()), Desc::Blobs) => pieces.large_objects(session, first, resumed).await,
            (Ok(()), _) => pieces.statements(&mut inserts, first).await,
        };
        if let Ok(Loaded { rows, .. }) = loaded
            && rows < inserts.sent()
        {
            tell_taken(&facts, entry, inserts.sent(), rows, "row triggers or rules");
        }
        let refused = inserts.refused();
        lane.shortfalls.extend(refused);
        return surroundings.end(lane, loaded).await;
    }
    let line = pieces.line();
    let mut rows = CopyRows::new(&facts, entry, pieces.progress, pieces.receiver);
    let may_share = surroundings.truncate && triggers == Triggers::AsTheyAre;
    let help = help.as_deref().filter(|_| may_share).zip(facts.split_size(size));
    match help.map(|(shares, least)| shares.open(size, counter, least)) {
        Some((share, joining)) => {
            rows.share = Some(share);
            load_rows_together(lane, &rows, joining, line).await
        }
        None => {
            rows.frozen = surroundings.truncate && can_be_frozen(&ledger, entry);
            load_rows_alone(lane, &rows, &mut surroundings).await
        }
    }
}

async fn load_rows_alone(
    lane: &mut Lane,
    rows: &CopyRows<'_>,
    surroundings: &mut Surroundings<'_>,
) -> Result<Loaded, WorkError> {
    let mut taker = rows.taker();
    let first = taker.next().await?;
    let begun = surroundings.begin(lane).await;
    let loaded = match begun {
        Ok(()) => {
            let session = lane.session().await?;
            match rows.send_all(session, taker, first).await {
                Ok(stored) => stored_or_kept(rows, session, stored).await,
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error.into()),
    };
    surroundings.end(lane, loaded).await
}

/// Loads rows through several sessions. The table is not truncated in the transaction that fills
/// it, and its rows are not frozen: both would lock out other sessions until this one commits.
async fn load_rows_together(
    lane: &mut Lane,
    rows: &CopyRows<'_>,
    joining: Joining<'_, Lane>,
    line: Option<JournalLine>,
) -> Result<Loaded, WorkError> {
    let mut taker = rows.taker();
    let first = taker.next().await?;
    if lane.journal.may_be_half_loaded() {
        lane.execute(&truncate_only(rows.entry)).await?;
    }
    lane.begin_own().await?;
    load_with_help(rows, lane, taker, first, joining, line).await
}

/// Whether a truncated table can take frozen rows (`COPY` with `FREEZE`): it must be an ordinary
/// heap table. A server that refuses FREEZE would end the session, so this never just tries it.
fn can_be_frozen(ledger: &Ledger, entry: &Entry) -> bool {
    let table = entry.dependencies.first().and_then(|table| ledger.facts.toc.get(*table));
    // Frozen rows are visible at once, even to a function that reads the table.
    table.is_some_and(|table| {
        table.desc == Desc::Table
            && !ledger.server.is_reading(table.dump_id)
            && matches!(table.relkind, 0 | b'r')
            && matches!(table.table_am.as_deref(), None | Some("" | "heap"))
    })
}

/// Reports that the table has fewer rows than were sent.
fn tell_taken(facts: &Facts, entry: &Entry, sent: u64, stored: u64, by: &str) {
    let label = entry.label();
    let message = format!(
        "{label}: {sent} rows sent, {stored} stored; {by} of the table skipped or moved the others"
    );
    facts.events.send(Event::Warning { message });
}

/// What was sent, if the server stored as many rows or the table's triggers explain the difference.
async fn stored_or_kept(
    rows: &CopyRows<'_>,
    session: &Session,
    stored: u64,
) -> Result<Loaded, WorkError> {
    let sent = rows.progress.loaded();
    if stored == sent.rows || !triggers_take_rows(session, rows.entry).await? {
        return stored_as_sent(sent, stored);
    }
    tell_taken(rows.facts, rows.entry, sent.rows, stored, "row triggers");
    Ok(Loaded { rows: stored, ..sent })
}
