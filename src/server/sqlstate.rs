//! Classifies SQLSTATEs for a restore (PostgreSQL documentation, appendix "PostgreSQL Error
//! Codes"). Whether the work is tried again is another question: see [`super::Retry`].

/// What an error of the server means for the other statements of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The object already exists.
    AlreadyExists,
    /// A role that a statement names does not exist.
    MissingRole,
    /// No other statement would succeed either: authentication, disk full, a read-only server.
    Fatal,
    /// An error of this statement only, or of the moment.
    Other,
}

impl Class {
    /// The class of a code. [`Class::MissingRole`] is not determined by the code alone, as 42704
    /// applies to any object: see [`super::ServerError::class`].
    #[must_use]
    pub fn of(sqlstate: &str) -> Self {
        match sqlstate {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_the_code() {
        for (code, class) in [
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
}
