//! The options that select entries, shared by `restore`, `list`, `plan` and `verify`.
//!
//! Names, letters and meanings are pg_restore's (`usage` in `pg_restore.c`). [`crate::select`]
//! checks which of them conflict.

use std::path::PathBuf;

use clap::Args;

use crate::archive::Section;

/// Which entries are selected, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Select only data: rows, large objects and sequence values
    #[arg(short = 'a', long)]
    pub data_only: bool,

    /// Select only the schema: object definitions, no data
    #[arg(short = 's', long)]
    pub schema_only: bool,

    /// Select only planner statistics, neither schema nor data
    #[arg(long)]
    pub statistics_only: bool,

    /// Include planner statistics if the archive has them; this is the default
    #[arg(long)]
    pub statistics: bool,

    /// Select only this section of the archive; repeatable
    #[arg(long, value_name = "SECTION", value_enum)]
    pub section: Vec<Section>,

    /// Select only objects in this schema; repeatable
    #[arg(short = 'n', long, value_name = "NAME")]
    pub schema: Vec<String>,

    /// Exclude objects in this schema; repeatable
    #[arg(short = 'N', long, value_name = "NAME")]
    pub exclude_schema: Vec<String>,

    /// Select only this table, view, materialized view, sequence or foreign table; repeatable
    ///
    /// The name must match exactly and has no schema: add --schema to distinguish tables of the
    /// same name. As in pg_restore, neither the table's dependencies nor its own objects, such as
    /// indexes, are selected with it.
    #[arg(short = 't', long, value_name = "NAME")]
    pub table: Vec<String>,

    /// Select only this index; repeatable
    #[arg(short = 'I', long, value_name = "NAME")]
    pub index: Vec<String>,

    /// Select only this function, "name(argument types)" as list shows it; repeatable
    ///
    /// The name and the argument types must be spelled exactly as list shows them,
    /// "name(integer, text)".
    #[arg(short = 'P', long, value_name = "NAME(ARGS)")]
    pub function: Vec<String>,

    /// Select only this trigger, "table trigger" as list shows it; repeatable
    #[arg(short = 'T', long, value_name = "NAME")]
    pub trigger: Vec<String>,

    /// Select only the entries in this list file, in its order
    ///
    /// Write the file with the list command, then delete lines, comment them out with ";", or
    /// reorder them. Its order is kept as far as dependencies allow.
    #[arg(short = 'L', long, value_name = "FILENAME")]
    pub use_list: Option<PathBuf>,

    /// Read include and exclude patterns from this file; "-" is standard input; repeatable
    ///
    /// The lines are those of pg_restore's --filter, such as "include table users" or "exclude
    /// schema audit".
    #[arg(long, value_name = "FILENAME")]
    pub filter: Vec<PathBuf>,

    /// Require every --schema and --table to match at least one entry
    #[arg(long)]
    pub strict_names: bool,

    /// Kinds of entries to exclude from the selection.
    #[command(flatten)]
    pub leave_out: LeaveOut,
}

/// Kinds of entries to exclude, as typed.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Exclusions")]
pub struct LeaveOut {
    /// Exclude data: rows, large objects and sequence values
    #[arg(long)]
    pub no_data: bool,

    /// Exclude the schema: object definitions
    #[arg(long)]
    pub no_schema: bool,

    /// Exclude planner statistics
    #[arg(long)]
    pub no_statistics: bool,

    /// Exclude access privileges (GRANT and REVOKE)
    #[arg(short = 'x', long, visible_alias = "no-acl")]
    pub no_privileges: bool,

    /// Exclude comments
    #[arg(long)]
    pub no_comments: bool,

    /// Exclude row security policies
    #[arg(long)]
    pub no_policies: bool,

    /// Exclude publications
    #[arg(long)]
    pub no_publications: bool,

    /// Exclude security labels
    #[arg(long)]
    pub no_security_labels: bool,

    /// Exclude subscriptions
    #[arg(long)]
    pub no_subscriptions: bool,
}
