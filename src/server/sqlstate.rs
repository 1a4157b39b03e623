//! SQLSTATEs (PostgreSQL documentation, appendix "PostgreSQL Error Codes"): those that are handled
//! individually, by their names there, and the classes of the others. Whether the work is tried
//! again is another question: see [`super::Retry`].

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

/// `connection_failure`: also of a session whose connection broke without a message of the server.
pub const CONNECTION_FAILURE: &str = "08006";

/// `feature_not_supported`: the error of an extension that the server does not have.
pub const FEATURE_NOT_SUPPORTED: &str = "0A000";

/// `character_not_in_repertoire`: a text is not valid in its encoding.
pub const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";

/// `untranslatable_character`: a character does not exist in the encoding it is converted to.
pub const UNTRANSLATABLE_CHARACTER: &str = "22P05";

/// `foreign_key_violation`: an orphaned row.
pub const FOREIGN_KEY_VIOLATION: &str = "23503";

/// `unique_violation`: also from a system catalog, when two sessions create the same object.
pub const UNIQUE_VIOLATION: &str = "23505";

/// `active_sql_transaction`: of what cannot run in a transaction block.
pub const ACTIVE_SQL_TRANSACTION: &str = "25001";

/// `dependent_objects_still_exist`: what is to be dropped is needed by something else.
pub const DEPENDENT_OBJECTS_STILL_EXIST: &str = "2BP01";

/// `invalid_catalog_name`: no such database.
pub const INVALID_CATALOG_NAME: &str = "3D000";

/// `invalid_schema_name`: no such schema.
pub const INVALID_SCHEMA_NAME: &str = "3F000";

/// `insufficient_privilege`.
pub const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// `undefined_object`: among others of a comment on what could not be created, and of a large object
/// that no longer exists.
pub const UNDEFINED_OBJECT: &str = "42704";

/// `duplicate_object`: such as an extension that exists.
pub const DUPLICATE_OBJECT: &str = "42710";

/// `undefined_table`.
pub const UNDEFINED_TABLE: &str = "42P01";

/// `invalid_function_definition`.
pub const INVALID_FUNCTION_DEFINITION: &str = "42P13";

/// `invalid_table_definition`: a second primary key (`index_check_primary_key` in `index.c`).
pub const INVALID_TABLE_DEFINITION: &str = "42P16";

/// `invalid_object_definition`: among others of a partition that would overlap another one.
pub const INVALID_OBJECT_DEFINITION: &str = "42P17";

/// `disk_full`.
pub const DISK_FULL: &str = "53100";

/// `out_of_memory`: also of a full lock table ("out of shared memory" in
/// `src/backend/storage/lmgr/lock.c`).
pub const OUT_OF_MEMORY: &str = "53200";

/// `object_not_in_prerequisite_state`: among others "materialized view … has not been populated"
/// (`ExecOpenScanRelation` in `execUtils.c`).
pub const OBJECT_NOT_IN_PREREQUISITE_STATE: &str = "55000";

/// `object_in_use`.
pub const OBJECT_IN_USE: &str = "55006";

/// `lock_not_available`.
pub const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Whether a code means that an object does not exist: any kind, a function, a relation, a schema.
#[must_use]
pub fn is_missing_object(sqlstate: &str) -> bool {
    matches!(sqlstate, UNDEFINED_OBJECT | "42883" | UNDEFINED_TABLE | INVALID_SCHEMA_NAME)
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
