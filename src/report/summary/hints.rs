//! Hints for the most common reasons why the server rejects entries.

use super::Summary;
use crate::archive::Desc;
use crate::restore::event::Cause;
use crate::server::Class;
use crate::server::sqlstate::{DISK_FULL, INSUFFICIENT_PRIVILEGE, UNDEFINED_TABLE};

const NOT_EMPTY: &str = "the target is not empty: restore into an empty database, replace what \
                         exists with --clean --if-exists, or load only rows with --data-only";

const NO_ROLE: &str = "create the missing roles, restore without owners and privileges (--no-owner \
                       --no-privileges), or tolerate the errors with --tolerate missing-role";

const NO_EXTENSION: &str = "install the missing extensions on the server";

const NO_TABLE: &str =
    "--data-only loads rows into existing tables: restore the definitions as well";

const NO_RIGHT: &str = "restore as a superuser or as the owner of the objects; --no-owner and \
                        --no-privileges skip what only these can set";

const NO_SPACE: &str = "free disk space on the server, then run the restore again";

/// The hints for a run's failures.
pub(super) fn of(summary: &Summary) -> Vec<&'static str> {
    let caused = |is: fn(&Cause) -> bool| {
        summary.causes.iter().any(|cause| cause.is_error && is(&cause.cause))
    };
    let state = |state: &str| {
        summary.failures.iter().any(|failed| failed.sqlstate.as_deref() == Some(state))
    };
    let exists = summary.failures.iter().any(|failed| {
        let exists =
            failed.sqlstate.as_deref().is_some_and(|s| Class::of(s) == Class::AlreadyExists);
        // Every new database has this schema, and archives older than PostgreSQL 11 create it.
        exists && !(failed.entry.kind() == Desc::Schema && failed.entry.name == "public")
    });
    let no_table = summary.failures.iter().any(|failed| {
        failed.entry.kind() == Desc::TableData
            && failed.sqlstate.as_deref() == Some(UNDEFINED_TABLE)
    });
    [
        (exists, NOT_EMPTY),
        (caused(|cause| matches!(cause, Cause::MissingRole { .. })), NO_ROLE),
        (caused(|cause| matches!(cause, Cause::MissingExtension { .. })), NO_EXTENSION),
        (no_table, NO_TABLE),
        (state(INSUFFICIENT_PRIVILEGE), NO_RIGHT),
        (state(DISK_FULL), NO_SPACE),
    ]
    .into_iter()
    .filter_map(|(is_so, hint)| is_so.then_some(hint))
    .collect()
}
