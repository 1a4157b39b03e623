//! Runs the commands of an entry. Statements for many large objects are sent together; a refused
//! one does not affect the others, as with pg_restore, which sends them one by one
//! (`IssueCommandPerBlob` in `pg_backup_archiver.c`).

use crate::archive::Entry;
use crate::restore::error::WorkError;
use crate::restore::journal::line::JournalLine;
use crate::restore::session::lane::Lane;
use crate::restore::session::once::{Once, Statements};
use crate::restore::session::retry::is_refusal;
use crate::server::Class;
use crate::statements::Command;

/// Statements for large objects that are sent together.
const TOGETHER: usize = 200;

/// The errors of an entry's commands: the first error of each SQLSTATE, with its count. There is at
/// least one.
#[derive(Debug)]
pub(crate) struct Refused {
    first: (WorkError, u64),
    others: Vec<(WorkError, u64)>,
}

impl From<WorkError> for Refused {
    fn from(error: WorkError) -> Self {
        Self { first: (error, 1), others: Vec::new() }
    }
}

impl Refused {
    fn add(&mut self, error: WorkError) {
        let state = |error: &WorkError| error.server().map(|error| error.sqlstate.clone());
        let mut known = std::iter::once(&mut self.first).chain(&mut self.others);
        match known.find(|(known, _)| state(known) == state(&error)) {
            Some((_, count)) => *count += 1,
            None => self.others.push((error, 1)),
        }
    }

    /// Each kind of error, with its count.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &(WorkError, u64)> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The most serious error: one that is not just about an existing object, if there is one.
    pub(crate) fn error(&self) -> &WorkError {
        let other = self.errors().find(|(error, _)| !exists(error));
        other.map_or(&self.first.0, |(error, _)| error)
    }

    /// Whether all refused objects already exist.
    pub(crate) fn all_exist(&self) -> bool {
        exists(self.error())
    }
}

fn exists(error: &WorkError) -> bool {
    error.server().is_some_and(|error| error.class() == Class::AlreadyExists)
}

impl Lane {
    /// Runs the commands of an entry. With a journal they are one transaction, including the line,
    /// if any.
    pub(crate) async fn run_commands(
        &mut self,
        entry: &Entry,
        commands: &[Command<'_>],
        once: Once,
        line: Option<JournalLine>,
    ) -> Result<(), Refused> {
        if self.journal.get().is_some() {
            let texts = || {
                let texts = commands.iter().flat_map(|command| command.texts(TOGETHER));
                Box::new(texts) as Statements<'_>
            };
            return Ok(self.run_recorded(entry, texts, once, line).await?);
        }
        self.run_each(entry, commands, once).await
    }

    /// Runs the commands of an entry one by one.
    pub(crate) async fn run_each(
        &mut self,
        entry: &Entry,
        commands: &[Command<'_>],
        once: Once,
    ) -> Result<(), Refused> {
        let mut refused: Option<Refused> = None;
        for command in commands {
            let is_of_objects = matches!(command, Command::PerLargeObject(_));
            for batch in command.batches(TOGETHER) {
                let sent = self.run_once(entry, &batch.join("\n"), once).await;
                let Err(error) = sent else {
                    continue;
                };
                if !is_of_objects || !self.leaves_others(&error) {
                    return Err(with(refused, error));
                }
                for statement in batch {
                    let Err(error) = self.run_once(entry, &statement, once).await else {
                        continue;
                    };
                    let goes_on = self.leaves_others(&error);
                    let all = with(refused, error);
                    if !goes_on {
                        return Err(all);
                    }
                    refused = Some(all);
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    fn leaves_others(&self, error: &WorkError) -> bool {
        matches!(error, WorkError::Target(error) if is_refusal(error)) && self.keeps_the_rest()
    }
}

/// Adds one more error.
fn with(refused: Option<Refused>, error: WorkError) -> Refused {
    match refused {
        Some(mut refused) => {
            refused.add(error);
            refused
        }
        None => error.into(),
    }
}
