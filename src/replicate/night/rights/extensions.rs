//! Extensions that cannot be created, or whose objects are not where the archive expects them.

use std::borrow::Cow;

use super::{Missing, Rights, list};
use crate::archive::{Desc, Entry};
use crate::server::sqlstate::{DUPLICATE_OBJECT, FEATURE_NOT_SUPPORTED};
use crate::server::{self, Session};
use crate::sql::ident::{literal, quoted};
use crate::sql::scan;

impl Rights<'_> {
    pub(super) fn is_extension_of_tables(&self, name: &str) -> bool {
        self.takes_tables(self.entries(&Desc::Extension).filter(|entry| entry.tag == name))
    }

    /// Extensions that stay, but not in the schema in which the archive expects their objects.
    pub(super) async fn moved_extensions(&self, base: &Session) -> server::Result<Vec<Missing>> {
        let wanted = self.entries(&Desc::Extension).filter_map(|entry| {
            let (_, schema) = entry.defn.rsplit_once(" WITH SCHEMA ")?;
            Some((entry, scan::unquoted(&schema[..scan::identifier(schema)?])))
        });
        let wanted: Vec<(&Entry, String)> = wanted.collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT w.name, n.nspname FROM (VALUES {}) w (name, schema) \
             JOIN pg_catalog.pg_extension e ON e.extname = w.name \
             JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace AND n.nspname <> w.schema \
             WHERE {} ORDER BY 1",
            wanted
                .iter()
                .map(|(entry, schema)| format!("({}, {})", literal(&entry.tag), literal(schema)))
                .collect::<Vec<_>>()
                .join(", "),
            self.installed("w.name")
        );
        let rows = base.query_text(&sql).await?;
        let problem = |row: Vec<Option<String>>| {
            let [name, place] = <[Option<String>; 2]>::try_from(row).ok()?;
            let (name, place) = (name?, place?);
            let (entry, schema) = wanted.iter().find(|(entry, _)| entry.tag == name)?;
            let is_used = |other: &&Entry| {
                other.desc != Desc::Comment && other.dependencies.contains(&entry.dump_id)
            };
            let (label, extension) = (entry.label(), quoted(&name));
            let (schema, place) = (quoted(schema), quoted(&place));
            self.wanted.iter().any(is_used).then(|| Missing {
                text: format!(
                    "extension {extension} is in schema {place}, but the backup needs its objects \
                     in schema {schema} (hint: ALTER EXTENSION {extension} SET SCHEMA {schema} as \
                     its owner, or add \"{label}\" to RESTORE_EXCLUDE)"
                ),
                takes_tables: self.takes_tables([*entry]),
            })
        };
        Ok(rows.into_iter().filter_map(problem).collect())
    }

    /// Extensions to create that need a privilege on the database (`extension_is_trusted` in
    /// `src/backend/commands/extension.c`).
    pub(super) async fn trusted_extensions(&self) -> server::Result<Vec<String>> {
        let wanted = list(self.entries(&Desc::Extension).map(|entry| entry.tag.as_str()));
        let sql = format!(
            "SELECT a.name FROM pg_catalog.pg_available_extensions a \
             JOIN pg_catalog.pg_available_extension_versions v \
                 ON v.name = a.name AND v.version = a.default_version \
             WHERE a.name IN ({wanted}) AND v.superuser AND v.trusted AND NOT {} ORDER BY 1",
            self.installed("a.name")
        );
        self.names(&sql).await
    }

    /// The SQL condition that an extension of this name exists when the restore starts.
    fn installed(&self, name: &str) -> String {
        let gone = self.dropped("extension");
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = {name} \
             AND pg_catalog.quote_ident(e.extname) NOT IN ({gone}))"
        )
    }

    /// Extensions that cannot be created: not available on the server, or only to superusers.
    pub(super) async fn extensions(&self, base: Option<&Session>) -> server::Result<Vec<Missing>> {
        let wanted = || self.entries(&Desc::Extension).map(|entry| entry.tag.as_str());
        let installed = base.map_or_else(|| "false".to_owned(), |_| self.installed("w.name"));
        // Some hosts allow roles to create the extensions on a list (pgextwlist).
        let sql = format!(
            "SELECT w.name, v.name IS NULL FROM (VALUES {}) w (name) \
             LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = w.name \
             LEFT JOIN pg_catalog.pg_available_extension_versions v \
                 ON v.name = a.name AND v.version = a.default_version \
             WHERE NOT {installed} AND (v.name IS NULL OR v.superuser AND NOT v.trusted AND w.name <> \
                 ALL (pg_catalog.string_to_array(pg_catalog.replace(COALESCE( \
                     pg_catalog.current_setting('extwlist.extensions', true), ''), ' ', ''), ','))) \
             ORDER BY 1",
            wanted().map(|name| format!("({})", literal(name))).collect::<Vec<_>>().join(", ")
        );
        if wanted().next().is_none() {
            return Ok(Vec::new());
        }
        let role = &self.role.name;
        let mut missing = Vec::new();
        for row in base.unwrap_or(self.session).query_text(&sql).await? {
            let [Some(name), Some(is_unknown)] = &row[..] else { continue };
            let excluding = format!("add \"EXTENSION {name}\" to RESTORE_EXCLUDE");
            let (extension, database) = (quoted(name), base.map(|base| base.target().dbname()));
            let text = match is_unknown.as_str() {
                "t" if self.accepts(FEATURE_NOT_SUPPORTED) => continue,
                "t" => format!(
                    "extension {name} is not available on the target's server (hint: install it \
                     there, or {excluding})"
                ),
                _ if self.is_tolerated() || self.can_create(name).await? => continue,
                _ => format!(
                    "extension {name} is not installed, only a superuser can create it, and role \
                     {role} is not one (hint: CREATE EXTENSION {extension} in database {}, or \
                     {excluding})",
                    database.map_or(Cow::Borrowed("SWAP_TEMPLATE"), quoted)
                ),
            };
            missing.push(Missing { text, takes_tables: self.is_extension_of_tables(name) });
        }
        Ok(missing)
    }

    /// Whether this server, unlike PostgreSQL, lets the role create an extension: it is tried and
    /// rolled back. One that the role owns was created by it.
    async fn can_create(&self, name: &str) -> server::Result<bool> {
        if self.config.restore.swap {
            return Ok(false);
        }
        let sql = format!(
            "BEGIN; SET LOCAL search_path = pg_catalog; CREATE EXTENSION {}; ROLLBACK",
            quoted(name)
        );
        let Err(error) = self.session.execute(&sql).await else { return Ok(true) };
        if !self.session.is_usable() {
            return Err(error);
        }
        self.session.rollback().await?;
        Ok(error.sqlstate() == Some(DUPLICATE_OBJECT))
    }
}
