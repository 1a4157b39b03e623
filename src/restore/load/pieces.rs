//! The pieces of an entry's data, as the decoder delivers them.

use std::collections::HashSet;

use tokio::sync::mpsc::Receiver;

use crate::archive::objects::ObjectsDue;
use crate::archive::stream::ItemReader;
use crate::archive::{ArchiveError, Desc, Entry, ReadCounter};
use crate::restore::error::WorkError;
use crate::restore::facts::Facts;
use crate::restore::journal::line::{JournalLine, Mark};
use crate::restore::ledger::Ledger;
use crate::restore::load::decode::{Piece, Splitting, decode};
use crate::restore::load::inserts::Inserts;
use crate::restore::load::loaded::Loaded;
use crate::restore::load::progress::LoadProgress;
use crate::restore::load::source::{DataSource, SourceKind};
use crate::rows::ColumnType;
use crate::server::Session;
use crate::sql::split::Ends;

/// The pieces of an entry's data, with the progress so far.
pub(crate) struct EntryPieces<'a> {
    facts: &'a Facts,
    entry: &'a Entry,
    pub(crate) receiver: Receiver<Result<Piece, ArchiveError>>,
    pub(crate) progress: LoadProgress<'a>,
    /// Whether this is one of several parts of the entry's data.
    partial: bool,
}

impl<'a> EntryPieces<'a> {
    pub(crate) fn open(
        ledger: &'a Ledger,
        entry: &'a Entry,
        source: DataSource,
        columns: Option<Vec<ColumnType>>,
        counter: &ReadCounter,
    ) -> Result<Self, WorkError> {
        let facts: &Facts = &ledger.facts;
        let kind = if entry.copy_stmt.is_empty() {
            Splitting::Sql {
                encoding: facts.toc.encoding.clone(),
                standard_conforming_strings: facts.toc.standard_conforming_strings,
                ends: match entry.desc {
                    Desc::TableData => Ends::WithBlankLines,
                    _ => Ends::Anyhow,
                },
            }
        } else {
            Splitting::Copy { binary: columns }
        };
        let reading = counter.clone();
        let partial = source.is_one_object();
        let expected = match &facts.options.digests {
            // Objects that arrive one by one have no individual digest.
            Some(_) if partial => None,
            Some(digests) => match digests.get(entry.dump_id) {
                Some(line) => Some(line.digest),
                None => {
                    let what = "the digest file has no digest of its data".to_owned();
                    return Err(WorkError::Other(what));
                }
            },
            None => None,
        };
        let receiver = match (source.kind, &facts.random) {
            (SourceKind::Stream { item, mut reader }, _) => {
                decode(ledger.server.pool()?, kind, expected, move || {
                    reader.take();
                    Ok(item.data(ItemReader::new(move || reader.next(), reading)))
                })
            }
            (SourceKind::Archive, Some(random)) => {
                let (random, entry) = (random.clone(), entry.clone());
                decode(ledger.server.pool()?, kind, expected, move || random.open(&entry, reading))
            }
            (SourceKind::Archive, None) => decode(ledger.server.pool()?, kind, expected, || {
                Err(ArchiveError::missing("its data block is missing from the archive"))
            }),
        };
        let progress = LoadProgress::new(facts, entry, counter.clone());
        Ok(Self { facts, entry, receiver, progress, partial })
    }

    /// The journal line to write when everything is loaded. If the data is in several parts, each
    /// part can be loaded again, and whether all are done is not known here.
    pub(crate) fn line(&self) -> Option<JournalLine> {
        (!self.partial).then(|| JournalLine::of(self.entry, Mark::Done))
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Piece>, WorkError> {
        match self.receiver.recv().await {
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(error)) => Err(self.facts.in_entry(error, self.entry).into()),
            None => Ok(None),
        }
    }

    pub(crate) async fn statements(
        &mut self,
        inserts: &mut Inserts<'_>,
        mut next: Option<Piece>,
    ) -> Result<Loaded, WorkError> {
        while let Some(piece) = next {
            let Piece::Statements(sql) = piece else {
                return Err(self.damaged(ArchiveError::missing("its data is not SQL statements")));
            };
            let rows = inserts.send(&sql).await?;
            self.progress.sent(rows, sql.len());
            next = self.next().await?;
        }
        Ok(self.progress.loaded())
    }

    /// Writes the large objects. `resumed` if an earlier run may have loaded some of them.
    pub(crate) async fn large_objects(
        &mut self,
        session: &Session,
        mut next: Option<Piece>,
        resumed: bool,
    ) -> Result<Loaded, WorkError> {
        let version = self.facts.toc.header.version;
        // For objects that arrive one by one, the conductor knows which are missing.
        let mut due = ObjectsDue::new(match self.partial {
            true => HashSet::new(),
            false => self.facts.expected_objects(self.entry),
        });
        let mut objects = session.write_large_objects().await?;
        while let Some(piece) = next {
            match piece {
                Piece::Object(oid) => {
                    due.came(oid).map_err(|error| self.damaged(error))?;
                    if !version.at_least(12) {
                        // Such archives have no separate entries that create the objects. An
                        // earlier run may have loaded the object on its own.
                        let again = self.partial && resumed;
                        if self.facts.options.clean || again {
                            session.unlink_large_object(oid).await?;
                        }
                        session.create_large_object(oid).await?;
                    }
                    objects.begin(oid).await?;
                    self.progress.sent(1, 0);
                }
                Piece::ObjectBytes(bytes) => {
                    let length = bytes.len();
                    objects.write(bytes).await?;
                    self.progress.sent(0, length);
                }
                Piece::Rows(..) | Piece::Statements(..) => {
                    let what = "its data is not large objects";
                    return Err(self.damaged(ArchiveError::missing(what)));
                }
            }
            next = self.next().await?;
        }
        objects.finish().await?;
        due.finish().map_err(|error| self.damaged(error))?;
        Ok(self.progress.loaded())
    }

    fn damaged(&self, error: ArchiveError) -> WorkError {
        self.facts.in_entry(error, self.entry).into()
    }
}
