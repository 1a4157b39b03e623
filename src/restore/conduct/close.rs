//! The later milestones of a journal: the end of the definitions, and the end of the restore.

use crate::restore::event::Event;
use crate::restore::journal::store::{drop_tables, exists};
use crate::restore::session::lane::Lane;
use crate::restore::session::retry::repeating;
use crate::server::Result;

/// Makes everything done so far durable. From now on each line is durable by itself.
pub(crate) async fn definitions_are_over(lane: &mut Lane) -> Result<()> {
    let Some(journal) = lane.journal.get() else {
        return Ok(());
    };
    journal.lines_are_durable();
    if lane.in_group() {
        // The later COMMIT will wait until it is durable.
        return lane.execute("SET LOCAL synchronous_commit = on;").await;
    }
    // A transaction with an ID has a commit record, which COMMIT waits for.
    let sql = "BEGIN; SET LOCAL synchronous_commit = on; SELECT pg_catalog.txid_current(); COMMIT;";
    lane.execute(sql).await
}

/// Drops the journal of a restore that ended without errors; otherwise warns that it stays.
pub(crate) async fn close(lane: &mut Lane) -> Result<()> {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    let Some(options) = facts.options.journal.filter(|_| lane.journal.get().is_some()) else {
        return Ok(());
    };
    if ledger.errors() > 0 {
        // A nightly run resumes automatically.
        let how = if options.keep { "" } else { " with --resume" };
        let message = format!(
            "the journal stays in the target (schema nocturne): run the same command{how} again \
             to retry what failed"
        );
        facts.events.send(Event::Warning { message });
        return Ok(());
    }
    if options.keep {
        return Ok(());
    }
    let mut pauses = repeating();
    loop {
        let error = match drop_once(lane).await {
            Err(error) if error.retry().is_at_once() => error,
            Ok(true) => return Ok(()),
            Ok(false) => {
                let message = "the journal was emptied but its tables stay (schema nocturne): \
                               dropping them would fire event triggers of this database";
                facts.events.send(Event::Note { message: message.to_owned() });
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match pauses.next() {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
    }
}

/// Drops the journal, which may already be gone if the reply was lost.
async fn drop_once(lane: &mut Lane) -> Result<bool> {
    lane.renew().await?;
    let session = lane.session().await?;
    if exists(session).await? { drop_tables(session).await } else { Ok(true) }
}
