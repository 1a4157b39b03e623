//! Runs a restore: the prelude on one session, the rest on as many as requested.

use std::sync::Arc;

use crate::archive::Desc;
use crate::restore::conduct::at_points::after_pre_data;
use crate::restore::conduct::close::{close, definitions_are_over};
use crate::restore::conduct::conductor::Conductor;
use crate::restore::conduct::ending::{find_distributed, make_durable};
use crate::restore::conduct::opening::find_room;
use crate::restore::conduct::planning::Planned;
use crate::restore::conduct::row_order::add_waits;
use crate::restore::entry::clean::make_room;
use crate::restore::entry::preflight;
use crate::restore::entry::work::restore_entry;
use crate::restore::error::{Ended, JournalError, RestoreError, Result};
use crate::restore::event::{Event, LaneId};
use crate::restore::journal::open::open;
use crate::restore::ledger::Ledger;
use crate::restore::load::source::DataSource;
use crate::restore::session::lane::Lane;
use crate::restore::stream::feed;
use crate::select::Selection;
use crate::server::Target;
use crate::server::life::ServerLife;
use crate::source::StreamAccess;

/// Runs a prepared restore to its end.
///
/// # Errors
/// When the restore cannot continue.
pub(crate) async fn run(
    ledger: Arc<Ledger>,
    planned: Planned,
    selection: &Selection,
    target: Target,
    stream: Option<StreamAccess>,
) -> Result<Ended> {
    let facts = ledger.facts.clone();
    let mut lane = Lane::new(LaneId::FIRST, target.clone(), ledger.clone());
    lane.open_first().await.map_err(RestoreError::Connect)?;
    let session = lane.session().await.map_err(RestoreError::Connect)?;
    facts.events.send(Event::Connected {
        target: target.to_string(),
        server_version: session.server_version().to_owned(),
    });
    let life = ServerLife::of(session).await.map_err(RestoreError::Target)?;
    find_room(&ledger, session).await;
    ledger.server.start_pool()?;
    let journal = open(&ledger, session, &life).await?;
    ledger.server.note_life(life);
    let (missing, problems) =
        preflight::check(&facts, session).await.map_err(RestoreError::Target)?;
    lane.journal = journal.clone();
    ledger.server.note_missing(missing);
    if problems > 0 && facts.options.exit_on_error {
        return Err(RestoreError::Stopped);
    }
    lane.begin_group().await.map_err(RestoreError::Target)?;
    if !make_room(&mut lane, &selection.order).await? {
        return Err(RestoreError::Stopped);
    }
    let Planned { mut plan, costs } = planned;
    for &place in &plan.prelude {
        restore_entry(&mut lane, place, DataSource::archive()).await;
        if facts.options.exit_on_error && ledger.errors() > 0 {
            lane.abandon_group();
            return Err(RestoreError::Stopped);
        }
        if facts.entry(place).desc == Desc::Database && ledger.is_absent(facts.entry(place)) {
            return Err(RestoreError::NoDatabase);
        }
        let lost = ledger.server.take_lost();
        if let Some(why) = lost {
            return Err(RestoreError::ServerLost(why));
        }
        lane.renew().await.map_err(RestoreError::Target)?;
    }
    after_pre_data(&mut lane).await?;
    if facts.options.jobs > 1 {
        // Other sessions must see what was created.
        lane.commit_group().await.map_err(RestoreError::Target)?;
    }
    definitions_are_over(&mut lane).await.map_err(RestoreError::Target)?;
    find_distributed(&mut lane).await.map_err(RestoreError::Target)?;
    add_waits(&mut lane, &mut plan, &costs).await;
    let stream = stream.map(|stream| feed::start(stream, facts.clone(), journal.clone()));
    let work = Conductor::new(&plan, costs, lane, stream).run();
    let mut lanes = tokio::select! {
        lanes = work => lanes?,
        never = journal.stay_alone() => match never {},
    };
    let Some(lane) = lanes.iter_mut().find(|lane| lane.number == LaneId::FIRST) else {
        return Err(RestoreError::Internal(
            "internal error: the first session is missing".to_owned(),
        ));
    };
    lane.commit_group().await.map_err(RestoreError::Target)?;
    make_durable(lane).await.map_err(RestoreError::Target)?;
    if let Some(place) = ledger.unfinished() {
        let what = format!("internal error: {} was never finished", facts.entry(place).label());
        return Err(RestoreError::Internal(what));
    }
    close(lane).await.map_err(JournalError::from)?;
    let errors = ledger.errors();
    Ok(Ended { errors })
}
