//! Whether, and how, work that failed is tried again: the one policy to which the errors of the
//! restore and of the nights map theirs. For the server's errors, the SQLSTATE decides.

use super::error::SessionError;

/// How work that failed is tried again. Of several failures, `min` is [`Retry::Never`] if one of
/// them is, `max` only if all are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retry {
    /// Not at all: it would fail the same way.
    Never,
    /// Within seconds, in the same session: a deadlock, an object in use.
    SameSession,
    /// Within seconds, in another session: a lost connection, a server that is starting or stopping.
    FreshSession,
    /// Minutes later: a full disk, a lock that another run holds, a late backup.
    LaterAttempt,
}

impl Retry {
    /// What an SQLSTATE says, if the session survived the error.
    #[must_use]
    pub fn of(sqlstate: &str) -> Self {
        match sqlstate {
            // serialization_failure, deadlock_detected, statement_completion_unknown
            "40001" | "40P01" | "40003"
            // lock_not_available, object_in_use, too_many_connections
            | "55P03" | "55006" | "53300"
            // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout
            | "57P01" | "57P02" | "57P03" | "57P05" => Self::SameSession,
            // configuration_limit_exceeded, database_dropped
            "53400" | "57P04" => Self::Never,
            // read_only_sql_transaction, from a server that is about to be promoted
            "25006" => Self::LaterAttempt,
            _ => match sqlstate.get(..2) {
                // connection_exception
                Some("08") => Self::SameSession,
                // insufficient_resources (a full disk, memory), operator_intervention, system_error
                Some("53" | "57" | "58") => Self::LaterAttempt,
                _ => Self::Never,
            },
        }
    }

    /// Whether it is tried again within seconds.
    #[must_use]
    pub fn is_at_once(self) -> bool {
        matches!(self, Self::SameSession | Self::FreshSession)
    }
}

impl SessionError {
    /// Whether, and how, the work that failed is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Lost(_) | Self::Network(_) | Self::Timeout(_) => Retry::FreshSession,
            Self::Setting { source, .. } => source.retry(),
            Self::Connect { source, .. } => match &**source {
                // Every refusal to open a session ends it.
                Self::Server(error) => match Retry::of(&error.sqlstate) {
                    Retry::SameSession => Retry::FreshSession,
                    retry => retry,
                },
                source => source.retry(),
            },
            Self::Server(error) => match Retry::of(&error.sqlstate) {
                Retry::SameSession if error.ends_session() => Retry::FreshSession,
                Retry::Never if error.ends_session() => Retry::LaterAttempt,
                retry => retry,
            },
            _ => Retry::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ServerError;

    #[test]
    fn code_decides_and_then_the_end_of_the_session() {
        use Retry::*;
        for (severity, code, running, opening) in [
            ("ERROR", "40P01", SameSession, FreshSession),
            ("ERROR", "08006", SameSession, FreshSession),
            ("FATAL", "53300", FreshSession, FreshSession),
            ("FATAL", "57P01", FreshSession, FreshSession),
            ("FATAL", "57P03", FreshSession, FreshSession),
            ("ERROR", "53100", LaterAttempt, LaterAttempt),
            ("ERROR", "57014", LaterAttempt, LaterAttempt),
            ("ERROR", "58030", LaterAttempt, LaterAttempt),
            ("ERROR", "25006", LaterAttempt, LaterAttempt),
            ("FATAL", "57P04", LaterAttempt, Never),
            ("FATAL", "28P01", LaterAttempt, Never),
            ("ERROR", "53400", Never, Never),
            ("ERROR", "42501", Never, Never),
            ("ERROR", "é", Never, Never),
        ] {
            let (severity, sqlstate) = (severity.to_owned(), code.to_owned());
            let error = ServerError { severity, sqlstate, ..ServerError::default() };
            let source = Box::new(SessionError::Server(Box::new(error)));
            assert_eq!(source.retry(), running, "{code}");
            let error = SessionError::Connect { target: String::new(), source };
            assert_eq!(error.retry(), opening, "{code}");
        }
    }
}
