//! Loads an entry's data: whether it may be loaded, how triggers are handled, and when to retry.

use crate::archive::{Desc, Entry};
use crate::restore::entry::work::EntryWork;
use crate::restore::error::Shortfall;
use crate::restore::event::Failure;
use crate::restore::facts::Facts;
use crate::restore::load::load;
use crate::restore::load::source::DataSource;
use crate::restore::load::transaction::Triggers;
use crate::restore::loaded_data::DataLoaded;
use crate::restore::session::retry::{pause, repeating};
use crate::statements::Ownership;
use crate::statements::data::{disable_triggers, enable_triggers};

/// Where triggers are disabled and enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switching {
    /// In the transaction of the rows: whatever happens, they end up enabled again.
    Inside,
    /// Outside that transaction.
    Outside,
}

/// Whether and where triggers are disabled for an entry's rows. Rows that go to other
/// partitions must not wait for a lock held as long as their transaction, and an owner may not
/// disable triggers of foreign keys.
fn switches_triggers(facts: &Facts, entry: &Entry) -> Option<Switching> {
    let switches =
        facts.options.disable_triggers && !facts.with_schema && entry.desc == Desc::TableData;
    let inside = !entry.is_load_via_partition_root()
        && facts.style.ownership != Ownership::SetSessionAuthorization;
    switches.then_some(if inside { Switching::Inside } else { Switching::Outside })
}

impl EntryWork<'_> {
    pub(crate) async fn load(&mut self, source: DataSource) -> Option<String> {
        let (facts, ledger, entry) = (self.facts, self.ledger, self.entry);
        if let Some(table) = entry.dependencies.first().filter(|_| entry.desc == Desc::TableData) {
            let (refused, absent) = ledger.why_no_rows(*table);
            if refused && facts.options.no_data_for_failed_tables {
                return Some("its table could not be created".to_owned());
            }
            if let Some(cause) = absent {
                let failure = Failure {
                    message: "its table was not created".to_owned(),
                    cause: Some(cause),
                    ..Failure::default()
                };
                self.problems.add(failure, false);
                return None;
            }
        }
        let switching = switches_triggers(facts, entry);
        if switching == Some(Switching::Inside) && !self.become_superuser().await {
            return None;
        }
        let outside = switching == Some(Switching::Outside);
        let disabled = outside && self.switch_triggers(disable_triggers(entry)).await;
        if outside && !disabled && !self.lane.keeps_the_rest() {
            return None;
        }
        let triggers = match switching {
            Some(Switching::Inside) => Triggers::Disabled,
            _ => Triggers::AsTheyAre,
        };
        self.load_rows(source, triggers).await;
        if disabled {
            self.switch_triggers(enable_triggers(entry)).await;
        }
        self.count().await;
        None
    }

    /// Loads the data, and retries if that may help and the data can be read again.
    async fn load_rows(&mut self, source: DataSource, triggers: Triggers) {
        let (facts, ledger, entry) = (self.facts, self.ledger, self.entry);
        let again = !source.is_stream() && !self.lane.in_group();
        let mut pauses = repeating();
        let mut loaded = load(self.lane, entry, source, triggers).await;
        while let Err(error) = &loaded
            && again
            && pause(ledger, entry, error, &mut pauses).await
        {
            loaded = load(self.lane, entry, DataSource::archive(), triggers).await;
        }
        match loaded {
            Ok(loaded) => {
                self.loaded = loaded;
                if let (Some(noted), Some(digest)) = (&facts.options.loaded, loaded.digest) {
                    noted.note(entry.dump_id, DataLoaded { rows: loaded.rows, digest });
                }
                for Shortfall { error, note } in std::mem::take(&mut self.lane.shortfalls) {
                    let mut failure = ledger.failure(entry, &error);
                    failure.add_detail(&note);
                    self.problems.add(failure, ledger.tolerates(entry, &error));
                }
            }
            Err(error) if error.retry().is_at_once() && facts.random.is_none() => {
                let mut failure = ledger.failure(entry, &error);
                failure.message.push_str(if self.lane.journal.get().is_some() {
                    "; a stream cannot be read again: run the same command again to resume"
                } else {
                    "; a stream cannot be read again"
                });
                let tolerated = !self.lane.in_group() && ledger.tolerates(entry, &error);
                self.problems.add(failure, tolerated);
            }
            Err(error) => drop(self.fail(&error)),
        }
    }

    /// Switches the session to a role that may disable triggers.
    async fn become_superuser(&mut self) -> bool {
        // Triggers must be enabled again even if loading the rows lost the session.
        if let Err(error) = self.lane.renew().await {
            self.fail(&error.into());
            return false;
        }
        if let Some(setting) = self.lane.state.before_triggers(&self.facts.style)
            && self.facts.style.superuser.is_some()
            && let Err(error) = self.lane.set(setting).await
        {
            self.fail(&error.into());
            return false;
        }
        true
    }

    async fn switch_triggers(&mut self, sql: String) -> bool {
        if !self.become_superuser().await {
            return false;
        }
        match self.lane.execute(&sql).await {
            Ok(()) => true,
            Err(error) => {
                self.fail(&error.into());
                false
            }
        }
    }

    /// Enables the triggers of rows that an earlier run loaded: it may have died before it could.
    pub(crate) async fn enable_triggers_again(&mut self) {
        if switches_triggers(self.facts, self.entry) == Some(Switching::Outside) {
            self.switch_triggers(enable_triggers(self.entry)).await;
        }
    }
}
