//! The session settings while entries are restored one after another.

use crate::archive::Entry;
use crate::sql::ident::{plain_literal, quoted};

use super::style::{Ownership, Style};

/// `pg_class.relkind` of a partitioned table.
pub(super) const PARTITIONED_TABLE: u8 = b'p';

/// The known settings of the session, so that only changes are sent.
///
/// [`SessionState::before`] returns the statements that are needed; each takes effect here only
/// once [`SessionState::done`] reports that it succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionState {
    /// The session user; empty means the role that connected.
    user: Option<String>,
    schema: Option<String>,
    /// Empty means the database's default.
    tablespace: Option<String>,
    table_am: Option<String>,
    /// Parallel workers of an index build; `None` means the server's setting.
    workers: Option<usize>,
}

/// A statement that changes the session, and the state after it has succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    sql: String,
    change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    User(String),
    Schema(String),
    Tablespace(String),
    TableAm(String),
    Workers(usize),
}

impl Setting {
    /// The statement, with its semicolon.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether this switches to another user. pg_restore gives up when that fails, as everything
    /// after it would get the wrong owner; other settings may fail (with an error) and the restore
    /// continues.
    #[must_use]
    pub fn is_user(&self) -> bool {
        matches!(self.change, Change::User(_))
    }
}

impl SessionState {
    /// What must be set before an entry's definition: owner, schema, tablespace, access method.
    #[must_use]
    pub fn before(&self, entry: &Entry, style: &Style) -> Vec<Setting> {
        let mut settings = self.before_data(entry, style);
        settings.extend(self.tablespace(entry, style));
        if entry.relkind != PARTITIONED_TABLE {
            settings.extend(self.table_am(entry, style));
        }
        settings
    }

    /// What must be set before an object is dropped or its rows are loaded: owner and schema.
    #[must_use]
    pub fn before_data(&self, entry: &Entry, style: &Style) -> Vec<Setting> {
        let owner = match style.ownership {
            Ownership::SetSessionAuthorization => {
                self.become_user(entry.owner.as_deref().unwrap_or_default(), style)
            }
            Ownership::AlterOwner | Ownership::Ignore => None,
        };
        let schema = self.select_schema(entry.namespace.as_deref().unwrap_or_default(), style);
        owner.into_iter().chain(schema).collect()
    }

    /// What must be set before the contents of large objects or the old comments on them.
    #[must_use]
    pub fn before_large_objects(&self, style: &Style) -> Option<Setting> {
        self.select_schema("pg_catalog", style)
    }

    /// What must be set before triggers are disabled or enabled: only a superuser may do that to
    /// the triggers of constraints.
    #[must_use]
    pub fn before_triggers(&self, style: &Style) -> Option<Setting> {
        self.become_user(style.superuser.as_deref().unwrap_or_default(), style)
    }

    /// What must be set before building an index that may use this many parallel workers. Not
    /// supported before PostgreSQL 11.
    #[must_use]
    pub fn before_index_build(&self, workers: usize) -> Option<Setting> {
        (self.workers != Some(workers)).then(|| Setting {
            sql: format!("SET max_parallel_maintenance_workers = {workers};"),
            change: Change::Workers(workers),
        })
    }

    /// Records that a setting succeeded.
    pub fn done(&mut self, setting: Setting) {
        match setting.change {
            Change::User(user) => self.user = Some(user),
            Change::Schema(schema) => self.schema = Some(schema),
            Change::Tablespace(tablespace) => self.tablespace = Some(tablespace),
            Change::TableAm(table_am) => self.table_am = Some(table_am),
            Change::Workers(workers) => self.workers = Some(workers),
        }
    }

    /// Forgets all settings: the session is new, or has lost them.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Forgets the user after an ACL entry, which may contain SET SESSION AUTHORIZATION.
    pub fn forget_user(&mut self) {
        self.user = None;
    }

    /// Forgets the schema after objects were dropped, which may include the current schema.
    pub fn forget_schema(&mut self) {
        self.schema = None;
    }

    fn become_user(&self, user: &str, style: &Style) -> Option<Setting> {
        if self.user.as_deref() == Some(user) {
            return None;
        }
        let name = if user.is_empty() {
            "DEFAULT".to_owned()
        } else {
            plain_literal(user, style.source.standard_conforming_strings)
        };
        let sql = format!("SET SESSION AUTHORIZATION {name};");
        Some(Setting { sql, change: Change::User(user.to_owned()) })
    }

    fn select_schema(&self, schema: &str, style: &Style) -> Option<Setting> {
        let fixed = style.source.search_path.is_some();
        if fixed || schema.is_empty() || self.schema.as_deref() == Some(schema) {
            return None;
        }
        let catalog = if schema == "pg_catalog" { "" } else { ", pg_catalog" };
        let sql = format!("SET search_path = {}{catalog};", quoted(schema));
        Some(Setting { sql, change: Change::Schema(schema.to_owned()) })
    }

    fn tablespace(&self, entry: &Entry, style: &Style) -> Option<Setting> {
        let wanted = entry.tablespace.as_deref()?;
        if style.no_tablespaces || self.tablespace.as_deref() == Some(wanted) {
            return None;
        }
        let name = if wanted.is_empty() { "''".into() } else { quoted(wanted) };
        let sql = format!("SET default_tablespace = {name};");
        Some(Setting { sql, change: Change::Tablespace(wanted.to_owned()) })
    }

    fn table_am(&self, entry: &Entry, style: &Style) -> Option<Setting> {
        let wanted = entry.table_am.as_deref()?;
        if style.no_table_access_method || self.table_am.as_deref() == Some(wanted) {
            return None;
        }
        let sql = format!("SET default_table_access_method = {};", quoted(wanted));
        Some(Setting { sql, change: Change::TableAm(wanted.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::style::SourceSettings;
    use super::*;
    use crate::archive::Desc;
    use crate::archive::tests::entry::named;

    fn table() -> Entry {
        let mut table = named(Desc::Table, "t");
        table.namespace = Some("app".to_owned());
        table.owner = Some("O'Hara".to_owned());
        table.tablespace = Some(String::new());
        table.table_am = Some("heap".to_owned());
        table.relkind = b'r';
        table
    }

    fn sql(settings: &[Setting]) -> Vec<&str> {
        settings.iter().map(Setting::sql).collect()
    }

    fn all(state: &mut SessionState, settings: Vec<Setting>) {
        settings.into_iter().for_each(|setting| state.done(setting));
    }

    #[test]
    fn only_changes_not_yet_applied_are_set() {
        let style = Style::default();
        let mut state = SessionState::default();
        let expected = [
            "SET search_path = app, pg_catalog;",
            "SET default_tablespace = '';",
            "SET default_table_access_method = heap;",
        ];
        let settings = state.before(&table(), &style);
        assert_eq!(sql(&settings), expected);
        assert_eq!(sql(&state.before(&table(), &style)), expected, "nothing was reported yet");
        all(&mut state, settings);
        assert_eq!(sql(&state.before(&table(), &style)), [""; 0]);

        let mut other = table();
        other.tablespace = Some("Fast".to_owned());
        other.table_am = None;
        let settings = state.before(&other, &style);
        assert_eq!(sql(&settings), ["SET default_tablespace = \"Fast\";"]);
        state.forget();
        assert_eq!(sql(&state.before(&table(), &style)), expected);
    }

    #[test]
    fn archive_with_its_own_search_path_keeps_it() {
        let source = SourceSettings { search_path: Some("…".to_owned()), ..Default::default() };
        let style = Style {
            source,
            no_tablespaces: true,
            no_table_access_method: true,
            ..Style::default()
        };
        assert_eq!(sql(&SessionState::default().before(&table(), &style)), [""; 0]);
        assert_eq!(SessionState::default().before_large_objects(&style), None);
    }

    #[test]
    fn partitioned_table_keeps_the_default_access_method() {
        let mut partitioned = table();
        partitioned.relkind = PARTITIONED_TABLE;
        let settings = SessionState::default().before(&partitioned, &Style::default());
        assert!(!sql(&settings).iter().any(|s| s.contains("access_method")));
    }

    #[test]
    fn session_becomes_the_owner_on_request() {
        let style = Style { ownership: Ownership::SetSessionAuthorization, ..Style::default() };
        let mut state = SessionState::default();
        let settings = state.before_data(&table(), &style);
        assert_eq!(
            sql(&settings),
            ["SET SESSION AUTHORIZATION 'O''Hara';", "SET search_path = app, pg_catalog;"]
        );
        all(&mut state, settings);
        let trigger = state.before_triggers(&style).unwrap();
        assert_eq!(trigger.sql(), "SET SESSION AUTHORIZATION DEFAULT;");
        assert!(trigger.is_user());
        state.done(trigger);
        assert_eq!(state.before_triggers(&style), None);
        state.forget_user();
        assert!(state.before_triggers(&style).is_some());
    }

    #[test]
    fn parallel_workers_are_set_only_on_change() {
        let mut state = SessionState::default();
        let setting = state.before_index_build(0).unwrap();
        assert_eq!(setting.sql(), "SET max_parallel_maintenance_workers = 0;");
        state.done(setting);
        assert_eq!(state.before_index_build(0), None);
        assert!(state.before_index_build(3).is_some());
    }

    #[test]
    fn large_objects_need_pg_catalog_in_search_path() {
        let setting = SessionState::default().before_large_objects(&Style::default()).unwrap();
        assert_eq!(setting.sql(), "SET search_path = pg_catalog;");
    }
}
