//! What surrounds the loading of an entry's data: its transaction, and what else belongs in it.

use crate::archive::Entry;
use crate::restore::error::{Shortfall, WorkError};
use crate::restore::journal::line::JournalLine;
use crate::restore::load::inserts::{BACK, SAVE};
use crate::restore::load::loaded::Loaded;
use crate::restore::session::lane::Lane;
use crate::restore::session::retry::is_refusal;
use crate::server;
use crate::statements::data::{disable_triggers, enable_triggers, truncate_only};

/// How a table's triggers are handled while its rows are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Triggers {
    /// They fire as usual.
    AsTheyAre,
    /// They are disabled, in the transaction that loads the rows.
    Disabled,
}

/// What must be done around the loading of an entry's data.
pub(crate) struct Surroundings<'a> {
    pub(crate) entry: &'a Entry,
    /// Whether the table is truncated in the transaction that fills it: with `wal_level=minimal`
    /// its rows are then not written to the WAL, and they may be frozen. Rows of an interrupted run
    /// go with it.
    pub(crate) truncate: bool,
    pub(crate) triggers: Triggers,
    /// The journal line to write.
    pub(crate) line: Option<JournalLine>,
}

impl Surroundings<'_> {
    /// Begins the data's transaction, unless one for several entries is open. [`Surroundings::end`]
    /// must be called even after an error.
    pub(crate) async fn begin(&mut self, lane: &mut Lane) -> server::Result<()> {
        lane.begin_own().await?;
        let session = lane.session().await?;
        if self.truncate {
            session.execute(&truncate_only(self.entry)).await?;
        }
        if self.triggers == Triggers::Disabled {
            self.disable_triggers(lane).await?;
        }
        Ok(())
    }

    /// A role that may not disable triggers loads the rows with them enabled and gets an error, as
    /// with pg_restore.
    async fn disable_triggers(&mut self, lane: &mut Lane) -> server::Result<()> {
        let keeps = lane.keeps_the_rest();
        let session = lane.session().await?;
        session.execute(SAVE).await?;
        match session.execute(&disable_triggers(self.entry)).await {
            Err(error) if keeps && is_refusal(&error) => {
                session.execute(BACK).await?;
                self.triggers = Triggers::AsTheyAre;
                let note = "the rows were loaded without disabling the triggers".to_owned();
                lane.shortfalls.push(Shortfall { error: error.into(), note });
                Ok(())
            }
            result => result,
        }
    }

    /// Commits it if the work succeeded, and rolls it back otherwise.
    pub(crate) async fn end(
        &self,
        lane: &mut Lane,
        loaded: Result<Loaded, WorkError>,
    ) -> Result<Loaded, WorkError> {
        let loaded = match loaded {
            Ok(loaded) => self.leave(lane).await.map(|()| loaded),
            Err(error) => Err(error),
        };
        match loaded {
            Ok(loaded) => {
                let line = self.line.map(|line| line.with(loaded.as_read(&lane.facts)));
                lane.commit_own(line).await?;
                Ok(loaded)
            }
            // The first error is the one to report.
            Err(error) => {
                lane.roll_back_own().await;
                Err(error)
            }
        }
    }

    async fn leave(&self, lane: &mut Lane) -> Result<(), WorkError> {
        if self.triggers == Triggers::Disabled {
            lane.session().await?.execute(&enable_triggers(self.entry)).await?;
        }
        Ok(())
    }
}
