//! Starts a journal, or resumes the existing one.

use std::collections::HashSet;

use crate::archive::{Desc, DumpId, Entry, Place, placed};
use crate::restore::error::JournalError;
use crate::restore::event::Event;
use crate::restore::facts::Facts;
use crate::restore::journal::identity::{Identity, TargetIdentity};
use crate::restore::journal::line::Mark;
use crate::restore::journal::state::{Journal, KeptJournal};
use crate::restore::journal::store::{self, FoundJournal, Head, JournalLines};
use crate::restore::journal::{lock, manifest};
use crate::restore::ledger::{FirstStep, Ledger};
use crate::restore::options::Transactions;
use crate::restore::tolerance::Tolerance;
use crate::server::life::ServerLife;
use crate::server::{BOOKKEEPING, Session};
use crate::sql::ident::qualified;
use crate::statements::Ownership;

/// Refuses what cannot be done with a journal, before anything is done.
pub(crate) fn refuse(facts: &Facts) -> Result<(), JournalError> {
    let options = &facts.options;
    let holds_schema = |(place, entry): (Place, &Entry)| {
        entry.desc == Desc::Schema && entry.tag == BOOKKEEPING && facts.want(place).schema
    };
    let why = if options.journal.is_none() {
        return Ok(());
    } else if options.transactions == Transactions::Single {
        "a single transaction leaves nothing to resume"
    } else if options.create {
        "it is kept in the target database, which must exist: create it first and omit --create"
    } else if options.style.ownership == Ownership::SetSessionAuthorization {
        "the roles that the session switches to cannot write it (--use-set-session-authorization)"
    } else if placed(&facts.toc.entries).any(holds_schema) {
        "the archive contains a schema \"nocturne\", where the journal would be kept"
    } else {
        return Ok(());
    };
    Err(JournalError::Cannot(why))
}

/// Opens the journal with the first session of a restore.
pub(crate) async fn open(
    ledger: &Ledger,
    session: &Session,
    server_life: &ServerLife,
) -> Result<KeptJournal, JournalError> {
    if ledger.facts.options.journal.is_none() {
        return Ok(KeptJournal::default());
    }
    let lock = lock::alone(session).await?;
    let sql = "SELECT pg_catalog.current_database(), current_user";
    let row =
        session.query_catalogue(sql).await?.into_iter().flatten().flatten().collect::<Vec<_>>();
    let [database, role] = <[String; 2]>::try_from(row).unwrap_or_default();
    let place = TargetIdentity { database, role };
    let now = Head {
        identity: Identity::of(
            &ledger.facts.toc,
            &ledger.facts.wants,
            &ledger.facts.options,
            &place,
        ),
        server_life: server_life.clone(),
        file_state: file_state(&ledger.facts).await,
    };
    let mut refilled = HashSet::new();
    let (run, found) = match store::find(session).await? {
        Some(found) => {
            let crashed = !found.head.server_life.lasts(server_life);
            let void = if crashed {
                lost_in_a_crash(&ledger.facts, session, &found).await?
            } else {
                Vec::new()
            };
            refilled.extend(void.iter().filter_map(|entry| entry.dependencies.first()));
            go_on(&ledger.facts, session, found, &now, &void).await?
        }
        None => {
            refuse_to_begin(&ledger.facts, session).await?;
            store::create(session, &now).await?;
            (1, Default::default())
        }
    };
    let (written, durable) = Default::default();
    let journal = KeptJournal::from(Journal { lock, run, found, written, durable });
    recall(ledger, &journal, &refilled);
    lock::let_work(session).await?;
    Ok(journal)
}

/// Enters in the ledger what earlier runs did, as far as later entries need it. `refilled` are
/// tables whose rows are loaded again.
fn recall(ledger: &Ledger, journal: &KeptJournal, refilled: &HashSet<DumpId>) {
    for (place, entry) in placed(&ledger.facts.toc.entries) {
        // Not a table whose rows were lost in a crash: it is empty, but others may already refer to
        // it.
        let is_made = journal.is_done(entry) || journal.is_defined(entry);
        if entry.desc == Desc::Table && is_made && !refilled.contains(&entry.dump_id) {
            ledger.note_created(entry.dump_id);
        }
        if entry.desc == Desc::TableData && journal.is_done(entry) {
            // That run may have died before analysing the table.
            ledger.note_loaded(place);
        }
        if journal.is_begun(entry) {
            ledger.set_first_step(place, FirstStep::Before);
        }
    }
}

async fn go_on(
    facts: &Facts,
    session: &Session,
    mut found: FoundJournal,
    now: &Head,
    void: &[&Entry],
) -> Result<(u32, JournalLines), JournalError> {
    let void: Vec<_> = void.iter().map(|entry| (entry.dump_id, Mark::Done)).collect();
    found.lines.retain(|line, _| !void.contains(line));
    let mut differences = found.head.identity.differences(&now.identity);
    if differences.is_empty() {
        differences.extend(changed_data(facts, &found));
        differences.extend(missing_tables(facts, session, &found).await?);
    }
    // Last, because it may take a while; and only if the archive's files have changed since.
    let is_untouched = now.file_state.is_some() && found.head.file_state == now.file_state;
    if differences.is_empty() && !is_untouched {
        differences = manifest::differences(facts, session, &found.lines).await?;
    }
    if !differences.is_empty() {
        return Err(JournalError::Differs { began: found.began, differences });
    }
    let FoundJournal { run, began, lines, .. } = found;
    store::go_on(session, &void, now).await?;
    let done = lines.keys().filter(|(_, mark)| *mark == Mark::Done).count();
    let what = format!("resuming the restore started at {began}: {done} entries already done");
    facts.events.send(Event::Step { what });
    Ok((run + 1, lines))
}

/// The file system's metadata of the archive's files. If it is unavailable, their contents are
/// compared.
async fn file_state(facts: &Facts) -> Option<String> {
    let origin = facts.origin.clone();
    tokio::task::spawn_blocking(move || origin.state().ok().flatten()).await.ok().flatten()
}

/// Finished entries whose data in the archive now has a different size.
fn changed_data(facts: &Facts, found: &FoundJournal) -> Vec<String> {
    let Some(random) = &facts.random else {
        return Vec::new();
    };
    let size_then = |entry: &Entry| {
        let line = found.lines.get(&(entry.dump_id, Mark::Done));
        line.map(|data| data.bytes).filter(|bytes| *bytes > 0)
    };
    let changed = facts.toc.entries.iter().filter(|entry| entry.had_dumper).filter_map(|entry| {
        let (then, now) = (size_then(entry)?, random.size(entry)?);
        (then != now)
            .then(|| format!("the data of {} was {then} bytes, is now {now}", entry.label()))
    });
    changed.take(3).collect()
}

/// Schemas and names of the target's tables.
async fn tables(session: &Session) -> Result<HashSet<Vec<Option<String>>>, JournalError> {
    let sql = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'p', 'f')";
    Ok(session.query_catalogue(sql).await?.into_iter().collect())
}

/// Refuses to start if tables of the archive already exist: a finished restore may have been killed
/// right after it dropped the journal, and rows would be duplicated.
async fn refuse_to_begin(facts: &Facts, session: &Session) -> Result<(), JournalError> {
    if facts.options.clean || facts.options.tolerate.contains(&Tolerance::AlreadyExists) {
        return Ok(());
    }
    let there = tables(session).await?;
    let mut entries = placed(&facts.toc.entries);
    let is_there = |(place, entry): &(Place, &Entry)| {
        entry.desc == Desc::Table && facts.want(*place).schema && there.contains(&name(entry))
    };
    match entries.find(is_there) {
        Some((_, entry)) => Err(JournalError::AlreadyThere { table: entry.label() }),
        None => Ok(()),
    }
}

fn name(table: &Entry) -> Vec<Option<String>> {
    vec![table.namespace.clone(), Some(table.tag.clone())]
}

/// Tables that an earlier run created and that no longer exist.
async fn missing_tables(
    facts: &Facts,
    session: &Session,
    found: &FoundJournal,
) -> Result<Vec<String>, JournalError> {
    let there = tables(session).await?;
    let made = facts.toc.entries.iter().filter(|entry| {
        entry.desc == Desc::Table && found.lines.contains_key(&(entry.dump_id, Mark::Done))
    });
    let missing = made.filter(|entry| !there.contains(&name(entry)));
    let message = |entry: &Entry| format!("{} is missing from the target", entry.label());
    Ok(missing.take(3).map(message).collect())
}

/// What a server crash has emptied: rows of UNLOGGED tables, and the values of sequences.
async fn lost_in_a_crash<'a>(
    facts: &'a Facts,
    session: &Session,
    found: &FoundJournal,
) -> Result<Vec<&'a Entry>, JournalError> {
    let mut lost = Vec::new();
    let done = |entry: &&Entry| found.lines.contains_key(&(entry.dump_id, Mark::Done));
    for entry in facts.toc.entries.iter().filter(|entry| facts.is_unlogged(entry)).filter(done) {
        // A manual reset of the statistics looks like a crash.
        let is_lost = match entry.desc {
            Desc::SequenceSet => true,
            Desc::TableData => {
                let table = qualified(entry.namespace.as_deref(), &entry.tag);
                let sql = format!("SELECT NOT EXISTS (SELECT FROM ONLY {table})");
                session.query_value(&sql).await?.as_deref() == Some("t")
            }
            _ => false,
        };
        lost.extend(is_lost.then_some(entry));
    }
    Ok(lost)
}
