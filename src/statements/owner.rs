//! The SQL that sets the owner of an entry's object.

use crate::archive::{Desc, Entry};
use crate::sql::ident::{qualified, quoted};

use super::command::{Command, PerLargeObject};
use super::error::StatementError;
use super::style::{Ownership, Style};

/// The command that sets the object's owner, `None` if none is needed.
///
/// An entry without a DROP statement is not a separate object and has no owner. The schema
/// `public`, which exists before the restore, gets its owner this way even when objects are created
/// by their owners.
///
/// # Errors
/// [`StatementError::UnknownOwnerKind`] for a kind whose owner pg_restore does not know how to set
/// (it exits there; the object itself is in the database).
pub fn owner<'a>(entry: &'a Entry, style: &Style) -> Result<Option<Command<'a>>, StatementError> {
    let alter = match style.ownership {
        Ownership::Ignore => false,
        Ownership::AlterOwner => true,
        Ownership::SetSessionAuthorization => {
            entry.desc == Desc::Schema && entry.defn.starts_with("--")
        }
    };
    let owner = entry.owner.as_deref().unwrap_or_default();
    if !alter || owner.is_empty() || entry.drop_stmt.is_empty() {
        return Ok(None);
    }
    let owner = quoted(owner);
    if entry.desc == Desc::BlobMetadata {
        let after = format!(" OWNER TO {owner}");
        let command = PerLargeObject::new("ALTER LARGE OBJECT ", after, &entry.defn)?;
        return Ok(Some(Command::PerLargeObject(command)));
    }
    let object = object(entry)?;
    Ok(object.map(|object| Command::Sql(format!("ALTER {object} OWNER TO {owner};").into())))
}

/// The object as ALTER names it, `None` when objects of this kind have no separate owner
/// (`_getObjectDescription`).
fn object(entry: &Entry) -> Result<Option<String>, StatementError> {
    Ok(match entry.desc {
        Desc::Collation
        | Desc::Conversion
        | Desc::Domain
        | Desc::ForeignTable
        | Desc::MaterializedView
        | Desc::Sequence
        | Desc::Statistics
        | Desc::Table
        | Desc::TextSearchDictionary
        | Desc::TextSearchConfiguration
        | Desc::Type
        | Desc::View
        | Desc::Database
        | Desc::ProceduralLanguage
        | Desc::Schema
        | Desc::EventTrigger
        | Desc::ForeignDataWrapper
        | Desc::Server
        | Desc::Publication
        | Desc::Subscription => {
            let name = qualified(entry.namespace.as_deref(), &entry.tag);
            Some(format!("{} {name}", entry.desc))
        }
        Desc::Blob => Some(format!("LARGE OBJECT {}", entry.tag)),
        // The arguments that distinguish these are in the DROP statement.
        Desc::Aggregate
        | Desc::Function
        | Desc::Operator
        | Desc::OperatorClass
        | Desc::OperatorFamily
        | Desc::Procedure => {
            let named = entry.drop_stmt.strip_prefix("DROP ").unwrap_or(&entry.drop_stmt);
            Some(named.trim_end_matches(['\n', ';']).to_owned())
        }
        Desc::Cast
        | Desc::CheckConstraint
        | Desc::Constraint
        | Desc::DatabaseProperties
        | Desc::Default
        | Desc::FkConstraint
        | Desc::Index
        | Desc::Rule
        | Desc::Trigger
        | Desc::RowSecurity
        | Desc::Policy
        | Desc::UserMapping => None,
        _ => return Err(StatementError::UnknownOwnerKind(entry.desc.to_string())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::named;

    fn owned(desc: Desc, tag: &str, drop_stmt: &str) -> Entry {
        let mut entry = named(desc, tag);
        entry.drop_stmt = drop_stmt.to_owned();
        entry.owner = Some("Boss".to_owned());
        entry
    }

    fn text(entry: &Entry, ownership: Ownership) -> Option<String> {
        let command = owner(entry, &Style { ownership, ..Style::default() }).unwrap()?;
        Some(command.texts(100).collect::<Vec<_>>().concat())
    }

    #[test]
    fn objects_are_named_as_alter_requires() {
        let mut table = owned(Desc::Table, "T", "DROP TABLE s.\"T\";\n");
        table.namespace = Some("s".to_owned());
        let mut lost = owned(Desc::BlobMetadata, "7..8", "-- dummy");
        lost.defn = "7\n8\n".to_owned();
        for (entry, expected) in [
            (table, Some("ALTER TABLE s.\"T\" OWNER TO \"Boss\";")),
            (
                owned(Desc::Schema, "a b", "DROP SCHEMA \"a b\";\n"),
                Some("ALTER SCHEMA \"a b\" OWNER TO \"Boss\";"),
            ),
            (
                owned(Desc::Function, "f(x integer)", "DROP FUNCTION s.f(x integer);\n"),
                Some("ALTER FUNCTION s.f(x integer) OWNER TO \"Boss\";"),
            ),
            (
                owned(Desc::OperatorClass, "c", "DROP OPERATOR CLASS s.c USING hash;\n"),
                Some("ALTER OPERATOR CLASS s.c USING hash OWNER TO \"Boss\";"),
            ),
            (
                owned(Desc::Blob, "16385", "SELECT pg_catalog.lo_unlink('16385');\n"),
                Some("ALTER LARGE OBJECT 16385 OWNER TO \"Boss\";"),
            ),
            (
                lost,
                Some(
                    "ALTER LARGE OBJECT 7 OWNER TO \"Boss\";\nALTER LARGE OBJECT 8 OWNER TO \
                     \"Boss\";",
                ),
            ),
            (owned(Desc::Index, "i", "DROP INDEX s.i;\n"), None),
            (owned(Desc::Extension, "e", ""), None),
        ] {
            assert_eq!(text(&entry, Ownership::AlterOwner).as_deref(), expected, "{}", entry.desc);
            assert_eq!(text(&entry, Ownership::Ignore), None);
            assert_eq!(text(&entry, Ownership::SetSessionAuthorization), None);
        }
    }

    #[test]
    fn public_is_given_to_its_owner_either_way() {
        let mut public = owned(Desc::Schema, "public", "-- *not* dropping schema\n");
        public.defn = "-- *not* creating schema, since initdb creates it\n".to_owned();
        for ownership in [Ownership::AlterOwner, Ownership::SetSessionAuthorization] {
            assert_eq!(
                text(&public, ownership).as_deref(),
                Some("ALTER SCHEMA public OWNER TO \"Boss\";")
            );
        }
    }

    #[test]
    fn unknown_kind_is_reported() {
        let cube = owned(Desc::Other("HYPERCUBE".to_owned()), "c", "DROP HYPERCUBE c;\n");
        assert_eq!(
            owner(&cube, &Style::default()),
            Err(StatementError::UnknownOwnerKind("HYPERCUBE".to_owned()))
        );
    }
}
