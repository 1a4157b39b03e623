//! Checks which privileges the target's role lacks, as far as the catalog shows.

mod extensions;

use std::collections::{BTreeSet, HashSet};

use super::choose::{ChosenObjects, is_table};
use super::night_target::Drops;
use super::superuser::{Fact, Known};
use crate::archive::{Desc, DumpId, Entry, Toc, placed};
use crate::replicate::config::Config;
use crate::report::units::first_of;
use crate::restore::Tolerance;
use crate::server::sqlstate::INSUFFICIENT_PRIVILEGE;
use crate::server::{self, Session};
use crate::sql::ident::{literal, quoted};
use crate::sql::scan;

/// How many entries a message lists; the rest are counted.
const NAMED: usize = 10;

/// A reason why entries cannot be restored.
#[derive(Debug)]
pub(super) struct Missing {
    /// Why, with a hint.
    pub(super) text: String,
    /// Whether tables cannot be restored without them.
    pub(super) takes_tables: bool,
}

/// The privileges that a restore needs.
pub(super) struct Rights<'a> {
    config: &'a Config,
    session: &'a Session,
    toc: &'a Toc,
    wanted: Vec<&'a Entry>,
    /// The wanted tables, and everything that they depend on.
    of_tables: HashSet<DumpId>,
    drops: Option<&'a Drops>,
    role: Role,
}

/// The session's role.
struct Role {
    name: String,
    is_superuser: bool,
    /// CREATE on the database.
    creates: bool,
    is_read_only: bool,
}

impl<'a> Rights<'a> {
    /// Reads the role's privileges. `drops` are dropped before the chosen entries are restored.
    pub(super) async fn of(
        config: &'a Config,
        session: &'a Session,
        toc: &'a Toc,
        chosen: &ChosenObjects,
        drops: Option<&'a Drops>,
    ) -> server::Result<Self> {
        let sql = "SELECT current_user, r.rolsuper, pg_catalog.has_database_privilege(\
                       pg_catalog.current_database(), 'CREATE'), \
                       pg_catalog.pg_is_in_recovery() \
                       OR pg_catalog.current_setting('default_transaction_read_only') = 'on' \
                   FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
        let row = session.query_text(sql).await?.into_iter().next().unwrap_or_default();
        let value = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        let role = Role {
            name: quoted(value(0)).into_owned(),
            is_superuser: value(1) == "t",
            creates: value(2) == "t",
            is_read_only: value(3) == "t",
        };
        let wanted = placed(&toc.entries);
        let wanted = wanted.filter(|(place, _)| chosen.selection.want(*place).schema);
        let wanted: Vec<&Entry> = wanted.map(|(_, entry)| entry).collect();
        let tables = wanted.iter().filter(|entry| is_table(entry));
        let mut next: Vec<DumpId> = tables.map(|entry| entry.dump_id).collect();
        let mut of_tables = HashSet::new();
        while let Some(id) = next.pop() {
            if of_tables.insert(id) {
                next.extend(toc.get(id).into_iter().flat_map(|entry| &entry.dependencies));
            }
        }
        Ok(Self { config, session, toc, wanted, of_tables, drops, role })
    }

    /// All privileges that the restore lacks. `template` is a session in that of a swap.
    pub(super) async fn missing(&self, template: Option<&Session>) -> server::Result<Vec<Missing>> {
        let mut missing = Vec::new();
        if self.role.is_read_only {
            // Nothing can be dropped either, and a retry may find another server.
            let text = "the target is read-only".to_owned();
            missing.push(Missing { text, takes_tables: false });
        }
        // What exists when the restore starts; `None` for the bare template of a swap.
        let base = match self.config.restore.swap {
            true => template,
            false => Some(self.session),
        };
        if let Some(base) = base {
            missing.extend(self.moved_extensions(base).await?);
        }
        if self.role.is_superuser {
            return Ok(missing);
        }
        missing.extend(self.to_create().await?);
        if !self.config.restore.swap && !self.role.creates && !self.is_tolerated() {
            let publications = self.entries(&Desc::Publication);
            let mut denied: Vec<String> =
                publications.map(|entry| format!("publication {}", quoted(&entry.tag))).collect();
            let extensions = self.trusted_extensions().await?;
            let takes_tables = extensions.iter().any(|name| self.is_extension_of_tables(name));
            denied.extend(extensions.iter().map(|name| format!("extension {}", quoted(name))));
            let text = self.denied_in_database(&denied);
            missing.extend(text.map(|text| Missing { text, takes_tables }));
        }
        missing.extend(self.of_superusers(base).await?);
        if let Some(base) = base {
            missing.extend(self.servers(base).await?);
        }
        missing.extend(self.extensions(base).await?);
        Ok(missing)
    }

    /// Whether a wanted table depends on any of these entries.
    fn takes_tables<'e>(&self, entries: impl IntoIterator<Item = &'e Entry>) -> bool {
        entries.into_iter().any(|entry| self.of_tables.contains(&entry.dump_id))
    }

    /// The entries that only a superuser can create, by kind.
    async fn of_superusers(&self, base: Option<&Session>) -> server::Result<Vec<Missing>> {
        let known = Known::read(base.unwrap_or(self.session), self.toc).await?;
        let mut kinds: Vec<(&Fact, Vec<&Entry>)> = Vec::new();
        for entry in self.wanted.iter().copied() {
            let Some(fact) = known.fact(entry).filter(|fact| !self.accepts(fact.sqlstate)) else {
                continue;
            };
            match kinds.iter_mut().find(|(kind, _)| kind.what == fact.what) {
                Some((_, entries)) => entries.push(entry),
                None => kinds.push((fact, vec![entry])),
            }
        }
        let problem = |(fact, entries): (&Fact, Vec<&Entry>)| {
            let labels: Vec<String> = entries.iter().map(|entry| entry.label()).collect();
            let (labels, what, role) = (first_of(&labels, NAMED), fact.what, &self.role.name);
            let text = format!(
                "{labels}: only a superuser can create {what}, and role {role} is not one (hint: \
                 add them to RESTORE_EXCLUDE)"
            );
            Missing { text, takes_tables: self.takes_tables(entries) }
        };
        Ok(kinds.into_iter().map(problem).collect())
    }

    /// Foreign servers whose wrapper exists, but not for this role (`CreateForeignServer` in
    /// `foreigncmds.c`).
    async fn servers(&self, base: &Session) -> server::Result<Vec<Missing>> {
        let servers: Vec<(&Entry, &str)> = self
            .entries(&Desc::Server)
            .filter_map(|entry| Some((entry, entry.defn.rsplit_once(" FOREIGN DATA WRAPPER ")?.1)))
            .collect();
        if servers.is_empty() || self.is_tolerated() {
            return Ok(Vec::new());
        }
        let sql = "SELECT fdwname FROM pg_catalog.pg_foreign_data_wrapper \
                   WHERE NOT pg_catalog.has_foreign_data_wrapper_privilege(oid, 'USAGE')";
        let closed: Vec<String> =
            base.query_text(sql).await?.into_iter().flatten().flatten().collect();
        let problem = |(entry, definition): (&Entry, &str)| {
            let wrapper = scan::unquoted(&definition[..scan::identifier(definition)?]);
            let (label, wrapper) = (entry.label(), closed.contains(&wrapper).then_some(wrapper)?);
            let (role, wrapper) = (&self.role.name, quoted(&wrapper));
            let database = base.target().dbname();
            let text = format!(
                "role {role} cannot create {label} (hint: GRANT USAGE ON FOREIGN DATA WRAPPER \
                 {wrapper} TO {role}, in database {database})"
            );
            Some(Missing { text, takes_tables: self.takes_tables([entry]) })
        };
        Ok(servers.into_iter().filter_map(problem).collect())
    }

    /// The missing privileges to create objects in the database or in a schema: without them, most
    /// dropped objects could not be restored. Each can be granted.
    async fn to_create(&self) -> server::Result<Vec<Missing>> {
        // The new database of a swap belongs to the role.
        if self.config.restore.swap || self.role.is_superuser || self.is_tolerated() {
            return Ok(Vec::new());
        }
        let mut missing = Vec::new();
        if !self.role.creates {
            missing.extend(self.denied_in_database(&self.new_schemas().await?));
        }
        missing.extend(self.closed_schemas().await?);
        Ok(missing.into_iter().map(|text| Missing { text, takes_tables: true }).collect())
    }

    /// What the role cannot create without CREATE on the database.
    fn denied_in_database(&self, denied: &[String]) -> Option<String> {
        let (role, database) = (&self.role.name, quoted(self.session.target().dbname()));
        (!denied.is_empty()).then(|| {
            format!(
                "role {role} cannot create {} (hint: GRANT CREATE ON DATABASE {database} TO {role})",
                denied.join(", ")
            )
        })
    }

    /// Schemas that do not exist when the restore starts.
    async fn new_schemas(&self) -> server::Result<Vec<String>> {
        // The entry of `public` may hold no more than its owner and rights.
        let created = self.entries(&Desc::Schema).filter(|entry| entry.defn.contains("CREATE "));
        let names: Vec<String> =
            created.map(|entry| format!("({})", literal(&entry.tag))).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT 'schema ' || pg_catalog.quote_ident(w.name) FROM (VALUES {}) w (name) \
             WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = w.name \
                 AND pg_catalog.quote_ident(n.nspname) NOT IN ({})) ORDER BY 1",
            names.join(", "),
            self.dropped("schema")
        );
        self.names(&sql).await
    }

    /// Whether missing privileges are tolerated.
    fn is_tolerated(&self) -> bool {
        self.accepts(INSUFFICIENT_PRIVILEGE)
    }

    fn accepts(&self, sqlstate: &str) -> bool {
        self.config.restore.tolerate.contains(&Tolerance::SqlState(sqlstate.to_owned()))
    }

    /// The dropped objects of a kind, as literals for IN.
    fn dropped(&self, kind: &str) -> String {
        let drops = self.drops.iter().flat_map(|drops| drops.plan.drops.iter());
        let drops = drops.filter(|drop| drop.kind.to_string() == kind);
        list(drops.map(|drop| drop.identity.as_str()))
    }

    fn entries(&self, desc: &Desc) -> impl Iterator<Item = &Entry> {
        self.wanted.iter().copied().filter(move |entry| entry.desc == *desc)
    }

    /// Existing schemas that are not dropped and on which the role lacks a privilege. Even their
    /// owner may lack it; it can grant itself the privilege, but a restore does not do that.
    async fn closed_schemas(&self) -> server::Result<Vec<String>> {
        let created = self.wanted.iter().filter(|entry| is_created_in_schema(&entry.desc));
        let schemas: BTreeSet<&str> =
            created.filter_map(|entry| entry.namespace.as_deref()).collect();
        let sql = format!(
            "SELECT pg_catalog.quote_ident(nspname), pg_catalog.concat_ws(', ', \
                 CASE WHEN NOT pg_catalog.has_schema_privilege(oid, 'CREATE') THEN 'CREATE' END, \
                 CASE WHEN NOT pg_catalog.has_schema_privilege(oid, 'USAGE') THEN 'USAGE' END) \
             FROM pg_catalog.pg_namespace WHERE nspname IN ({}) \
             AND pg_catalog.quote_ident(nspname) NOT IN ({}) ORDER BY 1",
            list(schemas.into_iter()),
            self.dropped("schema")
        );
        let role = &self.role.name;
        let problem = |row: Vec<Option<String>>| match &row[..] {
            [Some(schema), Some(lacks)] if !lacks.is_empty() => Some(format!(
                "role {role} cannot create objects in schema {schema} (hint: GRANT {lacks} ON \
                 SCHEMA {schema} TO {role})"
            )),
            _ => None,
        };
        Ok(self.session.query_text(&sql).await?.into_iter().filter_map(problem).collect())
    }

    async fn names(&self, sql: &str) -> server::Result<Vec<String>> {
        Ok(self.session.query_text(sql).await?.into_iter().flatten().flatten().collect())
    }
}

/// Whether creating an entry of this kind needs CREATE on its schema. Indexes and statistics do, too,
/// but always come with a table.
fn is_created_in_schema(desc: &Desc) -> bool {
    matches!(
        desc,
        Desc::Table
            | Desc::ForeignTable
            | Desc::View
            | Desc::MaterializedView
            | Desc::Sequence
            | Desc::Function
            | Desc::Procedure
            | Desc::Aggregate
            | Desc::Type
            | Desc::Domain
            | Desc::Collation
            | Desc::Operator
    )
}

/// Literals for IN; never empty.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(literal).collect();
    if names.is_empty() { "''".to_owned() } else { names.join(", ") }
}
