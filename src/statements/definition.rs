//! The SQL that creates an entry.

use crate::archive::{Desc, Entry};
use crate::sql::acl::{AclCommand, per_large_object};
use crate::sql::ident::{qualified, quoted};

use super::command::{Command, PerLargeObject};
use super::error::StatementError;
use super::session::PARTITIONED_TABLE;
use super::style::{Ownership, Style};

/// The start of the tag of privileges for many large objects.
const LARGE_OBJECTS: &str = "LARGE OBJECTS";

/// The commands that create the entry's object; none if there is nothing to run.
///
/// Usually that is the text in the archive. The exceptions are those of `_printTocEntry`: a schema
/// without an owner, large objects that are only listed, and privileges that are written once for
/// all of them. For the latter, `blob_metadata` is the entry that the ACL entry depends on first.
///
/// # Errors
/// When large objects or their privileges are not in pg_dump's form.
pub fn definition<'a>(
    entry: &'a Entry,
    style: &Style,
    blob_metadata: Option<&'a Entry>,
) -> Result<Vec<Command<'a>>, StatementError> {
    match entry.desc {
        // Old versions of pg_dump wrote AUTHORIZATION. A comment stands in for schema `public`.
        Desc::Schema if style.ownership == Ownership::Ignore && !entry.defn.starts_with("--") => {
            let sql = format!("CREATE SCHEMA {};\n", quoted(&entry.tag));
            Ok(vec![Command::Sql(sql.into())])
        }
        Desc::BlobMetadata => {
            let create = PerLargeObject::new("SELECT pg_catalog.lo_create('", "')", &entry.defn)?;
            Ok(vec![Command::PerLargeObject(create)])
        }
        Desc::Acl if entry.tag.starts_with(LARGE_OBJECTS) => {
            let list = blob_metadata
                .filter(|listing| listing.desc == Desc::BlobMetadata)
                .ok_or(StatementError::NoBlobMetadata)?;
            per_large_object(&entry.defn)?
                .into_iter()
                .map(|command| match command {
                    AclCommand::Once(sql) => Ok(Command::Sql(sql.into())),
                    AclCommand::PerObject { before, after } => {
                        PerLargeObject::new(before, after, &list.defn).map(Command::PerLargeObject)
                    }
                })
                .collect()
        }
        _ if entry.defn.is_empty() => Ok(Vec::new()),
        _ => Ok(vec![Command::Sql(entry.defn.as_str().into())]),
    }
}

/// The statement that sets the access method of a partitioned table, which only affects its future
/// partitions and therefore cannot be set beforehand.
#[must_use]
pub fn partitioned_access_method(entry: &Entry, style: &Style) -> Option<String> {
    let table_am = entry.table_am.as_deref()?;
    (entry.relkind == PARTITIONED_TABLE && !style.no_table_access_method).then(|| {
        let table = qualified(entry.namespace.as_deref(), &entry.tag);
        format!("ALTER TABLE {table} SET ACCESS METHOD {};", quoted(table_am))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::named;

    fn texts(commands: &[Command<'_>]) -> Vec<String> {
        commands.iter().flat_map(|c| c.texts(100)).map(String::from).collect()
    }

    #[test]
    fn definition_is_the_text_in_the_archive() {
        let mut table = named(Desc::Table, "t");
        table.defn = "CREATE TABLE t ();\n".to_owned();
        let style = Style::default();
        assert_eq!(texts(&definition(&table, &style, None).unwrap()), ["CREATE TABLE t ();\n"]);
        table.defn.clear();
        assert_eq!(definition(&table, &style, None), Ok(vec![]));
    }

    #[test]
    fn schema_loses_authorization_when_owners_are_ignored() {
        let style = Style { ownership: Ownership::Ignore, ..Style::default() };
        let mut schema = named(Desc::Schema, "My");
        schema.defn = "CREATE SCHEMA \"My\" AUTHORIZATION x;\n".to_owned();
        let own = definition(&schema, &Style::default(), None).unwrap();
        assert_eq!(texts(&own), [schema.defn.as_str()]);
        let without = definition(&schema, &style, None).unwrap();
        assert_eq!(texts(&without), ["CREATE SCHEMA \"My\";\n"]);
        schema.defn = "-- *not* creating schema, since initdb creates it\n".to_owned();
        let comment = definition(&schema, &style, None).unwrap();
        assert_eq!(texts(&comment), [schema.defn.as_str()]);
    }

    #[test]
    fn listed_large_objects_are_created_and_granted_individually() {
        let style = Style::default();
        let mut list = named(Desc::BlobMetadata, "7..8");
        list.defn = "7\n8\n".to_owned();
        assert_eq!(
            texts(&definition(&list, &style, None).unwrap()),
            ["SELECT pg_catalog.lo_create('7');\nSELECT pg_catalog.lo_create('8');"]
        );
        let mut acl = named(Desc::Acl, "LARGE OBJECTS 7..8");
        acl.defn = "GRANT ALL ON LARGE OBJECT 7 TO x;\n".to_owned();
        assert_eq!(
            texts(&definition(&acl, &style, Some(&list)).unwrap()),
            ["GRANT ALL ON LARGE OBJECT 7 TO x;\nGRANT ALL ON LARGE OBJECT 8 TO x;"]
        );
        assert_eq!(definition(&acl, &style, None), Err(StatementError::NoBlobMetadata));
        // A single object has ordinary privileges.
        acl.tag = "LARGE OBJECT 7".to_owned();
        assert_eq!(texts(&definition(&acl, &style, None).unwrap()), [acl.defn.as_str()]);
    }

    #[test]
    fn only_partitioned_table_gets_its_access_method_later() {
        let mut table = named(Desc::Table, "t");
        table.namespace = Some("s".to_owned());
        table.table_am = Some("heap2".to_owned());
        table.relkind = PARTITIONED_TABLE;
        let mut style = Style::default();
        assert_eq!(
            partitioned_access_method(&table, &style).as_deref(),
            Some("ALTER TABLE s.t SET ACCESS METHOD heap2;")
        );
        style.no_table_access_method = true;
        assert_eq!(partitioned_access_method(&table, &style), None);
        style.no_table_access_method = false;
        table.relkind = b'r';
        assert_eq!(partitioned_access_method(&table, &style), None);
    }
}
