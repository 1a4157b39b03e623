//! Writes one entry to the script (`restore_toc_entry` and `_printTocEntry`).

use std::borrow::Cow;

use crate::archive::{Data, DataLocation, Desc, Entry};
use crate::statements::{
    Command, Ownership, Setting, StatementError, data, definition, owner, partitioned_access_method,
};

use super::Script;
use super::error::ScriptError;
use super::meta;
use super::statement;
use crate::select::Want;

impl<'a> Script<'a, '_> {
    /// Writes all wanted parts of an entry.
    pub(super) fn entry(&mut self, entry: &'a Entry, parts: Want) -> Result<(), ScriptError> {
        self.warning_of_pg_dump(entry);
        if parts.schema {
            self.schema(entry)?;
        }
        if parts.data {
            if entry.had_dumper {
                self.described(entry, "Data for ")?;
                self.data(entry).map_err(|error| match error {
                    ScriptError::Archive(error) => error.in_entry(entry).into(),
                    other => other,
                })?;
            } else if !parts.schema {
                self.described(entry, "")?;
            }
        }
        if parts.stats {
            self.described(entry, "Statistics for ")?;
        }
        if self.transactions.count(1) {
            self.out.text("COMMIT;\nBEGIN;\n\n")?;
        }
        Ok(())
    }

    fn schema(&mut self, entry: &'a Entry) -> Result<(), ScriptError> {
        let is_database = matches!(entry.desc, Desc::Database | Desc::DatabaseProperties);
        // A database cannot be created in a transaction.
        if is_database && self.transactions.in_batches() {
            self.out.text("COMMIT;\n\n")?;
        }
        self.described(entry, "")?;
        if is_database {
            self.connect(&entry.tag)?;
        }
        Ok(())
    }

    /// Writes an entry's comment, definition and owner; `part` starts the comment.
    fn described(&mut self, entry: &'a Entry, part: &str) -> Result<(), ScriptError> {
        let style = &self.options.style;
        let settings = self.session.before(entry, style);
        self.set(settings)?;
        self.comment(entry, part)?;
        let blob_metadata = entry.dependencies.first().and_then(|id| self.blob_metadata.get(id));
        let commands = definition(entry, style, blob_metadata.copied())
            .map_err(|error| statement(entry, error))?;
        for command in &commands {
            self.command(command, "\n\n")?;
            self.count_statements(entry, command);
        }
        match owner(entry, style) {
            Ok(Some(command)) => self.command(&command, "\n\n")?,
            Ok(None) => {}
            Err(error @ StatementError::UnknownOwnerKind(_)) => {
                self.warn(format!("{}: {error}", entry.label()));
            }
            Err(error) => return Err(statement(entry, error)),
        }
        if let Some(sql) = partitioned_access_method(entry, style) {
            self.out.text(&format!("{sql}\n\n"))?;
        }
        if entry.is_acl() {
            self.session.forget_user();
        }
        Ok(())
    }

    /// A transaction's size is counted in statements, that is in semicolons, except in function
    /// bodies. `entry` itself already counts as one.
    fn count_statements(&mut self, entry: &Entry, command: &Command<'_>) {
        if let Command::Sql(sql) = command
            && !matches!(entry.desc, Desc::Function | Desc::Procedure)
        {
            let semicolons = sql.bytes().filter(|&byte| byte == b';').count();
            self.transactions.add(u32::try_from(semicolons.saturating_sub(1)).unwrap_or(u32::MAX));
        }
    }

    /// Writes the comment above an entry.
    fn comment(&mut self, entry: &Entry, part: &str) -> Result<(), ScriptError> {
        let Entry { dump_id, desc, table_oid, oid, .. } = entry;
        let mut text = String::from("--\n");
        if self.options.verbose.is_some() {
            text += &format!("-- TOC entry {dump_id} (class {table_oid} OID {oid})\n");
            if !entry.dependencies.is_empty() {
                let ids: String = entry.dependencies.iter().map(|id| format!(" {id}")).collect();
                text += &format!("-- Dependencies:{ids}\n");
            }
        }
        let style = &self.options.style;
        let owner = match style.ownership {
            Ownership::Ignore => None,
            _ => entry.owner.as_deref(),
        };
        text += &format!(
            "-- {part}Name: {}; Type: {desc}; Schema: {}; Owner: {}",
            one_line(&entry.tag),
            one_line(entry.namespace.as_deref().unwrap_or("-")),
            one_line(owner.unwrap_or("-")),
        );
        match entry.tablespace.as_deref() {
            Some(tablespace) if !tablespace.is_empty() && !style.no_tablespaces => {
                text += &format!("; Tablespace: {}", one_line(tablespace));
            }
            _ => {}
        }
        text.push('\n');
        if let Some(verbose) = &self.options.verbose {
            match &entry.data {
                DataLocation::File(name) => text += &format!("-- File: {name}\n"),
                DataLocation::Offset(offset) => text += &format!("-- Data Pos: {offset}\n"),
                _ if verbose.custom_format => text += "-- Data Pos: 0\n",
                _ => {}
            }
        }
        text += "--\n\n";
        self.out.text(&text)
    }

    fn data(&mut self, entry: &Entry) -> Result<(), ScriptError> {
        let style = &self.options.style;
        if matches!(entry.desc, Desc::Blobs | Desc::BlobComments) {
            let setting = self.session.before_large_objects(style);
            self.set(setting)?;
            return match (self.open)(entry)? {
                Data::LargeObjects(mut objects) => self.large_objects(entry, objects.as_mut()),
                Data::Rows(comments) => self.out.data(comments),
            };
        }
        // Triggers created by the restore itself come after the rows anyway.
        let triggers = self.options.disable_triggers && !self.with_schema;
        if triggers {
            self.triggers(&data::disable_triggers(entry))?;
        }
        let settings = self.session.before_data(entry, style);
        self.set(settings)?;
        // Opened first: a COPY without its rows must not swallow what follows.
        match (self.open)(entry)? {
            Data::Rows(rows) => self.rows(entry, rows)?,
            Data::LargeObjects(mut objects) => self.large_objects(entry, objects.as_mut())?,
        }
        if triggers {
            self.triggers(&data::enable_triggers(entry))?;
        }
        Ok(())
    }

    fn triggers(&mut self, sql: &str) -> Result<(), ScriptError> {
        let setting = self.session.before_triggers(&self.options.style);
        self.set(setting)?;
        self.out.text(&format!("{sql}\n\n"))
    }

    /// Connects psql to another database, where no settings are made yet.
    fn connect(&mut self, database: &str) -> Result<(), ScriptError> {
        let connect = meta::connect(database)?;
        // psql accepts `\connect` only outside restricted mode.
        if let Some(key) = &self.options.restrict_key {
            self.out.text(&format!("\\unrestrict {key}\n{connect}\\restrict {key}\n\n"))?;
        } else {
            self.out.text(&format!("{connect}\n"))?;
        }
        self.session.forget();
        self.settings()
    }

    /// Writes a command: text followed by `end`, or a line for each large object.
    pub(super) fn command(&mut self, command: &Command<'_>, end: &str) -> Result<(), ScriptError> {
        match command {
            Command::Sql(sql) => {
                self.out.text(sql)?;
                self.out.text(end)
            }
            Command::PerLargeObject(per_object) => {
                for sql in per_object.statements() {
                    self.out.text(&sql)?;
                    self.out.text("\n")?;
                    if self.transactions.count(1) {
                        self.out.text("COMMIT;\nBEGIN;\n\n")?;
                    }
                }
                self.out.text("\n")
            }
        }
    }

    /// Writes settings, which always succeed in a script.
    pub(super) fn set(
        &mut self,
        settings: impl IntoIterator<Item = Setting>,
    ) -> Result<(), ScriptError> {
        for setting in settings {
            self.out.text(setting.sql())?;
            self.out.text("\n\n")?;
            self.session.done(setting);
        }
        Ok(())
    }

    /// Passes on a warning that pg_dump left in the archive.
    fn warning_of_pg_dump(&self, entry: &Entry) {
        if entry.desc != Desc::Warning {
            return;
        }
        let message = match (self.with_schema, entry.defn.as_str(), entry.copy_stmt.as_str()) {
            (true, defn, _) if !defn.is_empty() => defn,
            (_, _, copy) if !copy.is_empty() => copy,
            _ => return,
        };
        self.warn(format!("warning from original dump file: {message}"));
    }
}

/// A name must not end the comment that contains it (`sanitize_line` in `dumputils.c`).
fn one_line(name: &str) -> Cow<'_, str> {
    if name.contains(['\n', '\r']) { name.replace(['\n', '\r'], " ").into() } else { name.into() }
}
