//! The exact way to compare a table's rows: by the server's own text of both sides.
//!
//! The archive's rows are loaded into a temporary table with the columns' types (a domain's base
//! type, so that no CHECK runs) by the types' own input functions. Both tables are then read with
//! their output functions, in one session, so equal values have equal text, whatever settings
//! pg_dump's session had. The price: a second copy of the table on the server's disk, in a
//! transaction that is rolled back, and a second read of the archive, so a stream must come from a
//! source that can be opened again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, channel};

use super::found_tables::{FoundTable, list};
use super::sessions::{Purpose, Zone};
use super::tables::{ComparisonPass, digest, side_by_side, usable};
use super::temporary_table::{Fill, Load, feed};
use crate::archive::digests::toc_digest;
use crate::archive::stream::ItemOf;
use crate::archive::{ArchiveError, DumpId, ReadCounter, Toc};
use crate::error::chain;
use crate::rows::RowSet;
use crate::server::{self, Session};
use crate::source::{self, Access, Input, RandomAccess, Sequential, StreamAccess};

/// Pieces between the reader of the archive and the session.
const IN_FLIGHT: usize = 4;

/// The rows of the archive and of the database, or the reason they could not be compared.
pub(super) type Result<T = (RowSet, RowSet)> = std::result::Result<T, String>;

/// A table to compare in the exact way.
#[derive(Clone, Debug)]
struct Unit {
    /// The statement that creates the temporary table.
    create: String,
    /// The archive's entries, each with the way to load its data.
    loads: HashMap<DumpId, Load>,
    /// The statements that read the archive's rows and the database's.
    read: [String; 2],
}

/// Compares tables, by their positions.
pub(super) async fn compare(
    pass: &ComparisonPass,
    tables: &[FoundTable<'_>],
    which: &[usize],
    toc: &Arc<Toc>,
    again: Again,
) -> HashMap<usize, Result> {
    let all = |what: &str| which.iter().map(|at| (*at, Err(what.to_owned()))).collect();
    let access = match again.open(toc).await {
        Ok(access) => access,
        Err(error) => return all(&error),
    };
    let (mut units, mut refused) = (Vec::new(), HashMap::new());
    for at in which {
        match pass.unit(*at, &tables[*at], toc).await {
            Ok(unit) => units.push((*at, unit)),
            Err(error) => {
                refused.insert(*at, Err(error));
            }
        }
    }
    let mut compared = match access {
        Access::Random(random) => {
            let (pass, toc) = (pass.clone(), toc.clone());
            side_by_side(pass.jobs, units, move |queue| {
                let (pass, random, toc) = (pass.clone(), random.clone(), toc.clone());
                async move {
                    let (mut results, mut session) = (Vec::new(), None);
                    while let Some((at, unit)) = queue.next() {
                        let (random, toc, loads) =
                            (random.clone(), toc.clone(), unit.loads.clone());
                        let fills = reader(move |send| from_file(&random, &toc, &loads, send));
                        let done = pass.exactly(&mut session, std::slice::from_ref(&unit), fills);
                        let result = done.await.map(|mut sets| sets.remove(0));
                        results.push((at, result));
                    }
                    results
                }
            })
            .await
        }
        Access::Stream(stream) => {
            let (places, units): (Vec<usize>, Vec<Unit>) = Vec::into_iter(units).unzip();
            let loads = units.iter().flat_map(|unit| unit.loads.clone()).collect();
            let toc = toc.clone();
            let fills = reader(move |send| from_stream(stream, &toc, &loads, send));
            match pass.exactly(&mut None, &units, fills).await {
                Ok(sets) => places.into_iter().zip(sets.into_iter().map(Ok)).collect(),
                Err(error) => all(&error),
            }
        }
    };
    compared.extend(refused);
    compared
}

/// How to read the archive a second time.
pub(super) enum Again {
    /// Through the open archive, at any place.
    Here(RandomAccess),
    /// By opening it again.
    From(Input),
    /// Not at all.
    Never,
}

impl Again {
    async fn open(self, toc: &Toc) -> Result<Access> {
        let input = match self {
            Self::Here(random) => return Ok(Access::Random(random)),
            Self::From(input) => input,
            Self::Never => {
                return Err(
                    "its rows differ as text, but the values may be equal; comparing values \
                     requires a second read of the archive: pass it as a file"
                        .to_owned(),
                );
            }
        };
        match tokio::task::spawn_blocking(move || source::open(&input)).await {
            Ok(Ok(archive)) if toc_digest(toc) == toc_digest(&archive.toc) => Ok(archive.access),
            Ok(Ok(_)) => Err("the archive changed in the meantime".to_owned()),
            Ok(Err(error)) => Err(chain(&error)),
            Err(error) => Err(chain(&error)),
        }
    }
}

impl ComparisonPass {
    async fn unit(&self, at: usize, found: &FoundTable<'_>, toc: &Toc) -> Result<Unit> {
        let temporary = format!("pg_temp.nocturne_rows_{at}");
        let columns = found.columns();
        let every = found.every_column();
        // INSERT statements without a column list have a value for every column.
        let created = if found.table.columns.is_some() { &columns } else { &every };
        let create = format!(
            "CREATE TEMPORARY TABLE nocturne_rows_{at} ({})",
            found.definition(self.sessions.holder(), created).await?
        );
        let load = |id: &DumpId| {
            let entry = toc.get(*id)?;
            Some((*id, Load::new(entry, found.table, &temporary, toc)))
        };
        // In the server's own encoding nothing is converted, so nothing can fail.
        let encoding = self.sessions.server_encoding();
        let ours = match columns.as_slice() {
            [] => format!("COPY (SELECT FROM {temporary}) TO STDOUT"),
            columns => format!("COPY {temporary} ({}) TO STDOUT", list(columns)),
        };
        Ok(Unit {
            create,
            loads: found.table.entries.iter().filter_map(load).collect(),
            read: [
                format!("{ours} WITH (ENCODING {})", crate::sql::ident::literal(encoding)),
                found.copy_out(encoding),
            ],
        })
    }

    /// Loads the archive's rows of these tables, then digests them and the database's.
    async fn exactly(
        &self,
        session: &mut Option<Session>,
        units: &[Unit],
        mut fills: Receiver<Fill>,
    ) -> Result<Vec<(RowSet, RowSet)>> {
        let failed = |error: server::SessionError| chain(&error);
        let session = usable(&self.sessions, session).await.map_err(failed)?;
        let work = async {
            let begun = self.sessions.begin(session, Purpose::Temporary, Zone::Utc);
            begun.await.map_err(failed)?;
            for unit in units {
                session.execute(&unit.create).await.map_err(|error| {
                    let what = "cannot create a temporary table for the exact comparison";
                    format!("{what}: {}", chain(&error))
                })?;
            }
            load(session, &mut fills).await?;
            let mut sets = Vec::new();
            for unit in units {
                let ours = digest(session, &unit.read[0], &self.key).await.map_err(failed)?;
                let theirs = digest(session, &unit.read[1], &self.key).await.map_err(failed)?;
                sets.push((ours, theirs));
            }
            Ok(sets)
        };
        let result = work.await;
        if session.is_usable() {
            // The rollback drops the temporary tables.
            session.rollback().await.map_err(failed)?;
        }
        result
    }
}

/// Loads the output of the archive reader.
async fn load(session: &Session, fills: &mut Receiver<Fill>) -> Result<()> {
    let failed = |error: server::SessionError| {
        format!("cannot load the archive's rows for the exact comparison: {}", chain(&error))
    };
    let mut copy: Option<server::CopyIn<'_>> = None;
    loop {
        match fills.recv().await {
            Some(Fill::Copy(statement)) => {
                copy = Some(session.copy_in(&statement).await.map_err(failed)?);
            }
            Some(Fill::Rows(rows)) => {
                if let Some(copy) = &mut copy {
                    copy.send(rows).await.map_err(failed)?;
                }
            }
            Some(Fill::Statements(sql)) => session.execute(&sql).await.map_err(failed)?,
            Some(Fill::End) => {
                if let Some(copy) = copy.take() {
                    copy.finish().await.map_err(failed)?;
                }
            }
            Some(Fill::Failed(error)) => return Err(error),
            Some(Fill::Done) => return Ok(()),
            None => return Err("the archive reader stopped unexpectedly".to_owned()),
        }
    }
}

/// Starts a thread that reads the archive.
fn reader(
    read: impl FnOnce(&mut dyn FnMut(Fill) -> bool) -> std::result::Result<(), ArchiveError>
    + Send
    + 'static,
) -> Receiver<Fill> {
    let (sender, receiver) = channel(IN_FLIGHT);
    tokio::task::spawn_blocking(move || {
        let mut send = |fill| sender.blocking_send(fill).is_ok();
        let last = match read(&mut send) {
            Ok(()) => Fill::Done,
            Err(error) => Fill::Failed(chain(&error)),
        };
        // No one receives any more if the session has failed.
        let _ = sender.blocking_send(last);
    });
    receiver
}

fn from_file(
    archive: &RandomAccess,
    toc: &Toc,
    loads: &HashMap<DumpId, Load>,
    send: &mut dyn FnMut(Fill) -> bool,
) -> std::result::Result<(), ArchiveError> {
    for (id, load) in loads {
        let Some(entry) = toc.get(*id) else { continue };
        let data = archive.open(entry, ReadCounter::default())?;
        feed(data, load, toc, send).map_err(|error| error.in_entry(entry))?;
    }
    Ok(())
}

fn from_stream(
    stream: StreamAccess,
    toc: &Toc,
    loads: &HashMap<DumpId, Load>,
    send: &mut dyn FnMut(Fill) -> bool,
) -> std::result::Result<(), ArchiveError> {
    let wanted: HashSet<DumpId> = loads.keys().copied().collect();
    let mut left = wanted.len();
    let mut items = Sequential::new(stream, wanted, false);
    while left > 0 {
        let Some((of, data)) = items.next_item()? else {
            return Err(ArchiveError::truncated("the stream ends before all the data it lists"));
        };
        let ItemOf::Entry(id) = of else { continue };
        if let (Some(load), Some(entry)) = (loads.get(&id), toc.get(id)) {
            feed(data, load, toc, send).map_err(|error| error.in_entry(entry))?;
            left -= 1;
        }
    }
    Ok(())
}
