//! Determines how many sessions to use, and opens the ones after the first.

use tokio::task::JoinSet;

use crate::error::chain;
use crate::restore::event::{Event, LaneId};
use crate::restore::ledger::Ledger;
use crate::restore::session::lane::Lane;
use crate::server::{self, Session};

/// The connections available to the session's role and database (`InitPostgres` in
/// `src/backend/utils/init/postinit.c`, `InitializeSessionUserId` in `miscinit.c`). Those reserved
/// for superusers are left for emergencies. Other clients may connect or disconnect meanwhile.
const FREE: &str = "\
SELECT least( \
    pg_catalog.current_setting('max_connections')::pg_catalog.int8 \
        - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8 \
        - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int8 \
        - (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database), \
    CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit - ( \
        SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE usesysid = r.oid) END, \
    CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit - ( \
        SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE datid = d.oid) END) \
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d \
WHERE r.rolname = session_user AND d.datname = pg_catalog.current_database()";

/// Finds out how many sessions the server has room for. If it does not report that, opening them
/// will show.
pub(crate) async fn find_room(ledger: &Ledger, session: &Session) {
    let wanted = ledger.server.sessions();
    if wanted < 2 {
        return;
    }
    let free = session.query_value(FREE).await.ok().flatten().and_then(|text| text.parse().ok());
    let Some(free) = free.map(|free: i64| usize::try_from(free).unwrap_or_default()) else {
        return;
    };
    ledger.server.note_room(free.saturating_add(1));
    if ledger.server.sessions() < wanted {
        tell_fewer(
            ledger,
            ledger.server.sessions(),
            wanted,
            "the server has no more free connections",
        );
    }
}

fn tell_fewer(ledger: &Ledger, sessions: usize, wanted: usize, why: &str) {
    let message = format!("continuing with {sessions} of {wanted} sessions: {why}");
    ledger.facts.events.send(Event::Warning { message });
    ledger.facts.events.send(Event::FewerSessions { jobs: sessions });
}

/// The sessions after the first, which are opened while that one works: a pooler may take minutes
/// to refuse a connection.
pub(crate) struct Opening {
    sessions: JoinSet<server::Result<Lane>>,
    opened: usize,
    /// Why the first refused session was refused.
    refused: Option<String>,
}

impl Opening {
    /// Starts opening them.
    pub(crate) fn start(first: &Lane) -> Self {
        let mut sessions = JoinSet::new();
        for number in 1..first.ledger.server.sessions() {
            let mut lane = Lane::new(LaneId(number), first.target().clone(), first.ledger.clone());
            lane.journal = first.journal.clone();
            sessions.spawn(async move { lane.session().await.map(drop).map(|()| lane) });
        }
        Self { sessions, opened: 1, refused: None }
    }

    /// How many are neither open nor refused yet.
    pub(crate) fn left(&self) -> usize {
        self.sessions.len()
    }

    /// The next session, once it is open; `None` if it was refused or all have been tried.
    pub(crate) async fn next(&mut self, ledger: &Ledger) -> Option<Lane> {
        let opened = self.sessions.join_next().await?;
        let lane = match opened.map(|lane| lane.map_err(|error| chain(&error))) {
            Ok(Ok(lane)) => {
                self.opened += 1;
                Some(lane)
            }
            Ok(Err(why)) => {
                self.refused.get_or_insert(why);
                None
            }
            Err(error) => {
                self.refused.get_or_insert(error.to_string());
                None
            }
        };
        if let Some(why) = self.refused.take_if(|_| self.sessions.is_empty()) {
            tell_fewer(ledger, self.opened, ledger.server.sessions(), &why);
        }
        lane
    }
}
