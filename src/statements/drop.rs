//! The SQL that drops an entry's object before it is recreated (`--clean`).

use crate::archive::{Desc, Entry};
use crate::sql::if_exists;

use super::command::{Command, PerLargeObject};
use super::error::StatementError;

/// How an object is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropping<'a> {
    /// The command to run, `None` when the entry has nothing to drop.
    pub command: Option<Command<'a>>,
    /// Set when IF EXISTS was requested but could not be added: the command runs without it.
    pub without_if_exists: bool,
}

/// How to drop the object of this entry, ignoring a missing one if `if_exists`.
///
/// # Errors
/// [`StatementError::NotAnOid`] when a list of large objects is damaged.
pub fn drop_object(entry: &Entry, if_exists: bool) -> Result<Dropping<'_>, StatementError> {
    let mut without_if_exists = false;
    let command = match entry.desc {
        _ if entry.drop_stmt.is_empty() => None,
        Desc::BlobMetadata => {
            let (before, after) = if if_exists {
                (UNLINK_IF_EXISTS, "'")
            } else {
                ("SELECT pg_catalog.lo_unlink('", "')")
            };
            Some(Command::PerLargeObject(PerLargeObject::new(before, after, &entry.defn)?))
        }
        Desc::Blob if if_exists && !entry.drop_stmt.starts_with("--") => {
            Some(Command::Sql(drop_large_object_if_exists(entry.oid).into()))
        }
        _ if if_exists => {
            let forgiving = if_exists::if_exists(entry.desc.as_str(), &entry.drop_stmt);
            without_if_exists = !forgiving.found;
            Some(Command::Sql(forgiving.sql))
        }
        _ => Some(Command::Sql(entry.drop_stmt.as_str().into())),
    };
    Ok(Dropping { command, without_if_exists })
}

/// Drops one large object, if it exists (`DropLOIfExists`).
#[must_use]
pub fn drop_large_object_if_exists(oid: u32) -> String {
    format!("{UNLINK_IF_EXISTS}{oid}';\n")
}

const UNLINK_IF_EXISTS: &str =
    "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::named;

    fn text(entry: &Entry, if_exists: bool) -> String {
        let command = drop_object(entry, if_exists).unwrap().command.unwrap();
        command.texts(100).collect::<Vec<_>>().concat()
    }

    #[test]
    fn large_objects_are_unlinked_individually() {
        let mut list = named(Desc::BlobMetadata, "7..8");
        list.defn = "7\n8\n".to_owned();
        list.drop_stmt = "SELECT pg_catalog.lo_unlink(oid) …".to_owned();
        assert_eq!(
            text(&list, false),
            "SELECT pg_catalog.lo_unlink('7');\nSELECT pg_catalog.lo_unlink('8');"
        );
        let forgiving = text(&list, true);
        assert!(forgiving.starts_with(
            "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = \
             '7';\n"
        ));

        let mut one = named(Desc::Blob, "9");
        one.oid = 9;
        one.drop_stmt = "SELECT pg_catalog.lo_unlink('9');\n".to_owned();
        assert_eq!(text(&one, false), one.drop_stmt);
        assert_eq!(text(&one, true), drop_large_object_if_exists(9));
    }

    #[test]
    fn drop_that_cannot_use_if_exists_is_reported() {
        let mut cube = named(Desc::Other("HYPERCUBE".to_owned()), "c");
        cube.drop_stmt = "REMOVE c;\n".to_owned();
        assert!(drop_object(&cube, true).unwrap().without_if_exists);
        assert!(!drop_object(&cube, false).unwrap().without_if_exists);
        assert_eq!(text(&cube, true), "REMOVE c;\n");
    }

    #[test]
    fn entry_without_a_drop_statement_is_not_dropped() {
        assert_eq!(drop_object(&named(Desc::Comment, "x"), true).unwrap().command, None);
    }
}
