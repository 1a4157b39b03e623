//! Chooses the tables to copy, by the settings of a night.

use std::collections::HashSet;

use super::error::{IncrementalError, Side};
use super::settings::{CopySettings, IncrementalTable};
use crate::replicate::config::{Config, KeyColumns, TableMode, TableModes};
use crate::server::{Session, SessionSettings, Target};

/// Tables whose rows can be copied; partitions are copied with their parents.
const ALL: &str = "\
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
ORDER BY 1, 2";

/// The incremental tables: named ones in the order of the settings, then those of the source that
/// match patterns. The source is only queried if there are patterns.
///
/// # Errors
/// [`IncrementalError::Connect`] and [`IncrementalError::List`].
pub async fn tables(
    source: &Target,
    modes: &TableModes,
    keys: &KeyColumns,
) -> Result<Vec<IncrementalTable>, IncrementalError> {
    let table = |schema: &str, name: &str| IncrementalTable {
        schema: schema.to_owned(),
        name: name.to_owned(),
        key: keys.column(schema, name).to_owned(),
    };
    let rules = || modes.rules().iter().filter(|rule| rule.mode == TableMode::Incremental);
    let named = rules().filter_map(|rule| rule.tables.exact());
    let mut chosen: Vec<IncrementalTable> =
        named.map(|(schema, name)| table(schema, name)).collect();
    if rules().any(|rule| rule.tables.exact().is_none()) {
        let session = Session::connect(source, &SessionSettings::default())
            .await
            .map_err(|source| IncrementalError::Connect { side: Side::Source, source })?;
        for row in session.query_text(ALL).await.map_err(IncrementalError::List)? {
            if let [Some(schema), Some(name)] = &row[..]
                && modes.mode(schema, name) == TableMode::Incremental
            {
                chosen.push(table(schema, name));
            }
        }
    }
    let mut seen = HashSet::new();
    chosen.retain(|table| seen.insert((table.schema.clone(), table.name.clone())));
    Ok(chosen)
}

impl CopySettings {
    /// The settings of a night for these tables; `None` if a database is not set.
    #[must_use]
    pub fn of(config: &Config, tables: Vec<IncrementalTable>) -> Option<Self> {
        let incremental = &config.incremental;
        let source = config.databases.source.clone()?;
        let target = config.databases.incremental_target.clone()?;
        Some(Self {
            jobs: incremental.jobs,
            range_rows: incremental.range_rows,
            lag: incremental.lag,
            add_columns: incremental.add_columns,
            check_gaps: incremental.check_gaps,
            fill_gaps: incremental.fill_gaps,
            late_commits_timeout: incremental.late_commits_timeout,
            allow_behind: incremental.allow_behind,
            statement_timeout: incremental.statement_timeout,
            ..Self::new(source, target, tables)
        })
    }
}
