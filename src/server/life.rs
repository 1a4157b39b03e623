//! Detects whether a server has crashed or been replaced in the meantime.

use crate::server::{Result, Session};

/// What stays the same as long as a server does not crash: the times when its statistics were
/// reset. Recovery resets all of them (`pgstat_reset_after_failure` in
/// `src/backend/utils/activity/pgstat.c`), a clean restart none. Someone may reset one of them by
/// hand, so two are compared.
#[derive(Clone, Debug)]
pub(crate) struct ServerLife(String);

impl ServerLife {
    /// Asks the server.
    pub(crate) async fn of(session: &Session) -> Result<Self> {
        let query = "SELECT pg_catalog.concat(bgwriter.stats_reset, '/', archiver.stats_reset) \
                     FROM pg_catalog.pg_stat_bgwriter AS bgwriter, \
                     pg_catalog.pg_stat_archiver AS archiver";
        Ok(Self(session.query_value(query).await?.unwrap_or_default()))
    }

    /// As recorded by an earlier run.
    pub(crate) fn from_text(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_text(&self) -> &str {
        &self.0
    }

    /// Whether the server has not crashed between the two.
    pub(crate) fn lasts(&self, later: &Self) -> bool {
        let both = |life: &Self| life.0.split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned()));
        match (both(self), both(later)) {
            (Some(earlier), Some(later)) => earlier.0 == later.0 || earlier.1 == later.1,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_survives_reset_of_one_statistic() {
        let life = |text: &str| ServerLife::from_text(text.to_owned());
        let first = life("2026-01-01 00:00:00+00/2026-01-01 00:00:00+00");
        assert!(first.lasts(&first));
        assert!(first.lasts(&life("2026-01-02 00:00:00+00/2026-01-01 00:00:00+00")));
        assert!(first.lasts(&life("2026-01-01 00:00:00+00/2026-01-02 00:00:00+00")));
        assert!(!first.lasts(&life("2026-01-02 00:00:00+00/2026-01-02 00:00:00+00")));
        // Never reset at first.
        assert!(life("/").lasts(&life("/2026-01-02 00:00:00+00")));
        assert!(!life("/").lasts(&first));
    }
}
