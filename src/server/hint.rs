//! Hints for the most common connection failures.

use super::error::{ServerError, SessionError};

impl SessionError {
    /// A hint for the error, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Connect { source, .. } | Self::Setting { source, .. } => return source.hint(),
            Self::NotOurs { owner, .. } => {
                return Some(format!(
                    "connect as \"{owner}\"; if the schema is not needed, \"{owner}\" or a \
                     superuser can DROP SCHEMA nocturne CASCADE"
                ));
            }
            Self::Network(_) | Self::Timeout(_) => {
                "check that a server accepts connections at this host and port (-h, -p, PGHOST, \
                 PGPORT, or the URL)"
            }
            Self::Server(error) => of_server(error)?,
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The hint by SQLSTATE, which does not depend on the server's language.
fn of_server(error: &ServerError) -> Option<&'static str> {
    Some(match error.sqlstate.as_str() {
        "3D000" => {
            "create the database first (createdb) or name another one; restore --create creates \
             the one named in the archive, and first connects to an existing one (-d postgres)"
        }
        "28P01" => "check the password in PGPASSWORD, ~/.pgpass or the URL; -W prompts for it",
        // `src/backend/utils/init/miscinit.c`: the role does not exist, or may not log in.
        "28000" if error.routine.as_deref() == Some("InitializeSessionUserId") => {
            "name another role with -U, PGUSER or in the URL; the default is the operating \
             system's user"
        }
        "28000" => {
            "the server's pg_hba.conf must allow this role, address, database and use of TLS"
        }
        "53300" => "use fewer sessions (-j), or raise the server's max_connections",
        "53100" => "free disk space on the server",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commonest_refusals_have_a_hint() {
        let refused = |sqlstate: &str, routine: &str| {
            let source = SessionError::Server(Box::new(ServerError {
                sqlstate: sqlstate.into(),
                routine: Some(routine.into()),
                ..ServerError::default()
            }));
            SessionError::Connect { target: "u@h/d".into(), source: Box::new(source) }.hint()
        };
        for (sqlstate, routine, word) in [
            ("3D000", "InitPostgres", "createdb"),
            ("28P01", "auth_failed", "PGPASSWORD"),
            ("28000", "InitializeSessionUserId", "-U"),
            ("28000", "ClientAuthentication", "pg_hba.conf"),
            ("53300", "InitProcess", "-j"),
        ] {
            assert!(refused(sqlstate, routine).unwrap().contains(word), "{sqlstate} {routine}");
        }
        assert_eq!(refused("42601", "scanner_yyerror"), None);
        assert!(SessionError::Timeout(3).hint().unwrap().contains("port"));
    }
}
