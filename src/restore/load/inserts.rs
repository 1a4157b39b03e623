//! Rows stored as INSERT statements, many in one message. A refused statement loses only its own
//! rows, as with pg_restore, which sends statements one by one.

use futures::join;

use crate::restore::error::{Shortfall, WorkError};
use crate::restore::session::retry::is_refusal;
use crate::server::{self, Session};
use crate::sql::split::Splitter;

/// Sets the savepoint.
pub(crate) const SAVE: &str = "SAVEPOINT nocturne";

/// Moves the savepoint to here.
const SAVE_HERE: &str = "RELEASE SAVEPOINT nocturne; SAVEPOINT nocturne";

/// Undoes everything after the savepoint.
pub(crate) const BACK: &str = "ROLLBACK TO SAVEPOINT nocturne";

/// A session in a transaction that executes INSERT statements.
pub(crate) struct Inserts<'a> {
    session: &'a Session,
    standard_conforming_strings: bool,
    /// Whether the other statements are kept when one is refused.
    keeps: bool,
    is_saved: bool,
    /// Rows of the statements that succeeded, as far as the server reported them.
    sent: u64,
    refused: u64,
    first: Option<server::SessionError>,
}

impl<'a> Inserts<'a> {
    pub(crate) fn new(
        session: &'a Session,
        standard_conforming_strings: bool,
        keeps: bool,
    ) -> Self {
        let (is_saved, sent, refused, first) = (false, 0, 0, None);
        Self { session, standard_conforming_strings, keeps, is_saved, sent, refused, first }
    }

    /// Sends whole statements in one message, and one by one if the server refuses any. Returns the
    /// number of rows.
    pub(crate) async fn send(&mut self, sql: &str) -> Result<u64, WorkError> {
        let save = if self.is_saved { SAVE_HERE } else { SAVE };
        // The second is sent without waiting for the reply to the first.
        let (saved, sent) = join!(self.session.execute(save), self.session.execute_counting(sql));
        saved?;
        self.is_saved = true;
        match sent {
            Err(error) if is_refusal(&error) => {
                self.session.execute(BACK).await?;
                self.send_one_by_one(sql).await
            }
            sent => {
                let stored = sent?;
                let mut splitter = Splitter::new(self.standard_conforming_strings);
                let mut rest = sql.as_bytes();
                while let Some(end) = splitter.statement_end(rest) {
                    rest = &rest[end..];
                    self.sent += splitter.rows();
                }
                Ok(stored)
            }
        }
    }

    async fn send_one_by_one(&mut self, sql: &str) -> Result<u64, WorkError> {
        let mut splitter = Splitter::new(self.standard_conforming_strings);
        let (mut rest, mut rows) = (sql, 0);
        while let Some(end) = splitter.statement_end(rest.as_bytes()) {
            let (statement, more) = rest.split_at(end);
            rest = more;
            match self.session.execute_counting(statement.trim_start()).await {
                Ok(count) => {
                    rows += count;
                    self.sent += splitter.rows();
                    self.session.execute(SAVE_HERE).await?;
                }
                Err(error) if self.keeps && is_refusal(&error) => {
                    self.session.execute(BACK).await?;
                    self.refused += 1;
                    self.first.get_or_insert(error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(rows)
    }

    /// The least number of rows in statements that the server did not refuse.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// What was refused.
    pub(crate) fn refused(self) -> Option<Shortfall> {
        let note = match self.refused {
            1 => "1 statement was refused; the rows of the others are loaded".to_owned(),
            count => format!("{count} statements were refused; the rows of the others are loaded"),
        };
        self.first.map(|error| Shortfall { error: error.into(), note })
    }
}
