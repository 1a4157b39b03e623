//! What the role of the target may not do, as far as the catalogue tells.

use std::collections::BTreeSet;

use super::super::choose::Chosen;
use super::super::ground::Drops;
use super::Preview;
use crate::archive::{Desc, Entry, Toc};
use crate::replicate::config::Config;
use crate::restore::{Tolerance, chain};
use crate::sql::ident::{literal, quoted};
use crate::target::{self, Session};

impl Preview {
    /// Looks for rights that the restore of these entries would miss.
    pub(super) async fn rights(
        &mut self,
        config: &Config,
        session: &Session,
        toc: &Toc,
        chosen: &Chosen,
        drops: Option<&Drops>,
    ) {
        let wanted = toc.entries.iter().enumerate();
        let wanted = wanted.filter(|(place, _)| chosen.selection.want(*place).any());
        let wanted: Vec<&Entry> = wanted.map(|(_, entry)| entry).collect();
        let missing = Rights { config, session, wanted, drops }.missing().await;
        match missing {
            Ok(missing) => missing.into_iter().for_each(|problem| self.problem(problem)),
            Err(error) => self.problem(format_args!("cannot ask for rights: {}", chain(&error))),
        }
    }
}

/// What is asked for.
struct Rights<'a> {
    config: &'a Config,
    session: &'a Session,
    wanted: Vec<&'a Entry>,
    drops: Option<&'a Drops>,
}

impl Rights<'_> {
    async fn missing(&self) -> target::Result<Vec<String>> {
        let sql = "SELECT current_user, r.rolsuper, pg_catalog.has_database_privilege(\
                       pg_catalog.current_database(), 'CREATE'), \
                       pg_catalog.pg_is_in_recovery() \
                       OR pg_catalog.current_setting('default_transaction_read_only') = 'on' \
                   FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
        let row = self.session.query_text(sql).await?.into_iter().next().unwrap_or_default();
        let value = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        let role = quoted(value(0));
        let mut missing = Vec::new();
        if value(3) == "t" {
            missing.push("the target is read-only".to_owned());
        }
        if value(1) == "t" {
            return Ok(missing);
        }
        let database = quoted(self.session.target().dbname());
        // The database of a swap belongs to the role.
        if value(2) != "t"
            && !self.config.restore.swap
            && let Some(schema) = self.of(&Desc::Schema).next()
        {
            missing.push(format!(
                "role {role} cannot create schema {} (hint: GRANT CREATE ON DATABASE {database} TO \
                 {role})",
                quoted(&schema.tag)
            ));
        }
        for schema in self.closed_schemas().await? {
            let schema = quoted(&schema);
            missing.push(format!(
                "role {role} cannot create objects in schema {schema} (hint: GRANT CREATE ON SCHEMA \
                 {schema} TO {role})"
            ));
        }
        let refusal = Tolerance::SqlState("42501".to_owned());
        let is_tolerated = self.config.restore.tolerate.contains(&refusal);
        for desc in [Desc::EventTrigger, Desc::ForeignDataWrapper] {
            missing.extend(self.of(&desc).filter(|_| !is_tolerated).map(|entry| {
                format!(
                    "{}: only a superuser can create it, and role {role} is none",
                    entry.label()
                )
            }));
        }
        missing.extend(self.extensions(&role).await?);
        Ok(missing)
    }

    fn of(&self, desc: &Desc) -> impl Iterator<Item = &Entry> {
        self.wanted.iter().copied().filter(move |entry| entry.desc == *desc)
    }

    /// Schemas that exist, stay, and take nothing from the role.
    async fn closed_schemas(&self) -> target::Result<Vec<String>> {
        if self.config.restore.swap {
            return Ok(Vec::new());
        }
        let schemas: BTreeSet<&str> =
            self.wanted.iter().filter_map(|entry| entry.namespace.as_deref()).collect();
        // Owners can grant themselves what they lack; a schema that is dropped is theirs.
        let sql = format!(
            "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname IN ({}) \
             AND NOT pg_catalog.has_schema_privilege(oid, 'CREATE') \
             AND NOT pg_catalog.pg_has_role(nspowner, 'USAGE') ORDER BY 1",
            list(schemas.into_iter())
        );
        self.names(&sql).await
    }

    /// Extensions that cannot be created: they are not on the server, or are a superuser's.
    async fn extensions(&self, role: &str) -> target::Result<Vec<String>> {
        let wanted = || self.of(&Desc::Extension).map(|entry| entry.tag.as_str());
        let installed = match self.config.restore.swap {
            // What the new database has comes from its template.
            true if self.config.restore.swap_template.is_some() => return Ok(Vec::new()),
            true => "false".to_owned(),
            false => {
                let gone = self.drops.iter().flat_map(|drops| drops.plan.drops.iter());
                let gone = gone.filter(|drop| drop.kind.to_string() == "extension");
                let gone = list(gone.map(|drop| drop.identity.as_str()));
                format!(
                    "EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = w.name \
                     AND pg_catalog.quote_ident(e.extname) NOT IN ({gone}))"
                )
            }
        };
        // Some hosts let roles create the extensions of a list (pgextwlist).
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
        let rows = self.session.query_text(&sql).await?;
        let problem = |row: Vec<Option<String>>| match &row[..] {
            [Some(name), Some(is_unknown)] if is_unknown == "t" => {
                Some(format!("extension {name} is not available on the target's server"))
            }
            [Some(name), _] => Some(format!(
                "extension {name} is not installed, and only a superuser can create it, which role \
                 {role} is not"
            )),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(problem).collect())
    }

    async fn names(&self, sql: &str) -> target::Result<Vec<String>> {
        Ok(self.session.query_text(sql).await?.into_iter().flatten().flatten().collect())
    }
}

/// Literals for IN; never empty.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(literal).collect();
    if names.is_empty() { "''".to_owned() } else { names.join(", ") }
}
