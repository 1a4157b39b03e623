//! Classifies SQLSTATEs for a restore (PostgreSQL documentation, appendix "PostgreSQL Error
//! Codes").

/// How to treat an error of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The same work may succeed later: lost connection, deadlock, too many connections, a server
    /// that is starting up or shutting down, an object in use.
    Retry,
    /// The object already exists.
    AlreadyExists,
    /// A role that a statement names does not exist.
    MissingRole,
    /// No other statement would succeed either: authentication, disk full, a read-only server.
    Fatal,
    /// An error of this statement only.
    Other,
}

impl Class {
    /// The class of a code. [`Class::MissingRole`] is not determined by the code alone, as 42704
    /// applies to any object: see [`super::ServerError::class`].
    #[must_use]
    pub fn of(sqlstate: &str) -> Self {
        match sqlstate {
            // serialization_failure, deadlock_detected, statement_completion_unknown
            "40001" | "40P01" | "40003"
            // lock_not_available, object_in_use, too_many_connections
            | "55P03" | "55006" | "53300"
            // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout
            | "57P01" | "57P02" | "57P03" | "57P05" => Self::Retry,
            code if code.starts_with("08") => Self::Retry,
            // database, schema, table, object, function, column
            "42P04" | "42P06" | "42P07" | "42710" | "42723" | "42701" => Self::AlreadyExists,
            // invalid_authorization_specification, invalid_password, no such database
            "28000" | "28P01" | "3D000"
            // disk_full, io_error, read_only_sql_transaction, database_dropped
            | "53100" | "58030" | "25006" | "57P04" => Self::Fatal,
            _ => Self::Other,
        }
    }
}

/// The SQLSTATE of a session whose connection broke without a server message (`connection_failure`).
pub const CONNECTION_FAILURE: &str = "08006";

/// `insufficient_privilege`.
pub const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// `feature_not_supported`: the error of an extension that the server does not have.
pub const FEATURE_NOT_SUPPORTED: &str = "0A000";

/// `undefined_object`: among others of a comment on what could not be created, and of a large object
/// that no longer exists.
pub const UNDEFINED_OBJECT: &str = "42704";

/// Whether a code means that an object does not exist: any kind, a function, a relation, a schema.
#[must_use]
pub fn is_missing_object(sqlstate: &str) -> bool {
    matches!(sqlstate, UNDEFINED_OBJECT | "42883" | "42P01" | "3F000")
}

/// Whether a code concerns the server's state rather than the request: minutes later, the same work
/// may succeed.
#[must_use]
pub fn is_passing(sqlstate: &str) -> bool {
    // Classes: insufficient_resources (a full disk, memory, sessions), operator_intervention,
    // system_error; and read_only_sql_transaction, from a server that is about to be promoted.
    matches!(sqlstate.get(..2), Some("53" | "57" | "58")) && !matches!(sqlstate, "53400" | "57P04")
        || sqlstate == "25006"
        || Class::of(sqlstate) == Class::Retry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_decide_whether_to_retry() {
        for (code, class) in [
            ("40P01", Class::Retry),
            ("08006", Class::Retry),
            ("53300", Class::Retry),
            ("42P07", Class::AlreadyExists),
            ("28P01", Class::Fatal),
            ("53100", Class::Fatal),
            ("42P01", Class::Other),
            ("42704", Class::Other),
            ("23505", Class::Other),
        ] {
            assert_eq!(Class::of(code), class, "{code}");
        }
    }

    #[test]
    fn server_states_are_transient_and_refusals_are_not() {
        for code in ["53100", "53200", "53300", "57014", "57P01", "57P02", "57P03", "58030"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["42501", "23505", "42P07", "53400", "57P04", "28P01", "XX000"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
