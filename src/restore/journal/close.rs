//! The journal's turning points after its beginning: the definitions are over, the restore is over.

use super::store::{drop_tables, exists};
use crate::restore::context::Context;
use crate::restore::event::Event;
use crate::restore::lane::Lane;
use crate::restore::retry::repeating;
use crate::target::{Class, Result};

/// Makes what was done so far durable. From here on each line is.
pub(in crate::restore) async fn definitions_are_over(ctx: &Context, lane: &mut Lane) -> Result<()> {
    let Some(journal) = ctx.journal() else {
        return Ok(());
    };
    journal.lines_are_durable();
    if lane.in_group() {
        // Its COMMIT, which is to come, is waited for.
        return lane.execute(ctx, "SET LOCAL synchronous_commit = on;").await;
    }
    // A transaction that has a number has a commit record, which is what is waited for.
    let sql = "BEGIN; SET LOCAL synchronous_commit = on; SELECT pg_catalog.txid_current(); COMMIT;";
    lane.execute(ctx, sql).await
}

/// Drops the journal of a restore that ended without errors; says that it stays after others.
pub(in crate::restore) async fn close(ctx: &Context, lane: &mut Lane) -> Result<()> {
    let Some(options) = ctx.options.journal.filter(|_| ctx.journal().is_some()) else {
        return Ok(());
    };
    if ctx.ledger().errors > 0 {
        // A night resumes by itself.
        let how = if options.keep { "" } else { " with --resume" };
        let message = format!(
            "the journal stays in the target (schema nocturne): run the same command{how} again \
             to retry what failed"
        );
        ctx.events.send(Event::Warning { message });
        return Ok(());
    }
    if options.keep {
        return Ok(());
    }
    let mut pauses = repeating();
    loop {
        let error = match drop_once(ctx, lane).await {
            Err(error) if error.class() == Class::Retry => error,
            Ok(true) => return Ok(()),
            Ok(false) => {
                let message = "the journal was emptied but its tables stay (schema nocturne): \
                               dropping them would fire event triggers of this database";
                ctx.events.send(Event::Note { message: message.to_owned() });
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

/// It may be gone already, if the answer was lost.
async fn drop_once(ctx: &Context, lane: &mut Lane) -> Result<bool> {
    lane.renew(ctx).await?;
    let session = lane.session(ctx).await?;
    if exists(session).await? { drop_tables(session).await } else { Ok(true) }
}
