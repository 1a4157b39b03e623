//! The options that choose entries, shared by `restore`, `list` and `verify`.
//!
//! Names, letters and meanings are pg_restore's (`usage` in `pg_restore.c`). Which of them exclude
//! each other is judged by [`crate::select`].

use std::path::PathBuf;

use clap::Args;

use crate::archive::Section;

/// Which entries are wanted, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Selection")]
pub struct Selection {
    /// Only the data: rows, large objects and sequence values, no schema
    #[arg(short = 'a', long)]
    pub data_only: bool,

    /// Only the schema: object definitions, no data
    #[arg(short = 's', long)]
    pub schema_only: bool,

    /// Only the planner's statistics, neither schema nor data
    #[arg(long)]
    pub statistics_only: bool,

    /// The planner's statistics, if the archive holds them; this is the default
    #[arg(long)]
    pub statistics: bool,

    /// Only this section of the archive; may be given several times
    #[arg(long, value_name = "SECTION", value_enum)]
    pub section: Vec<Section>,

    /// Only objects in this schema; may be given several times
    #[arg(short = 'n', long, value_name = "NAME")]
    pub schema: Vec<String>,

    /// No object in this schema; may be given several times
    #[arg(short = 'N', long, value_name = "NAME")]
    pub exclude_schema: Vec<String>,

    /// Only this table, view, materialized view, sequence or foreign table; may be given several
    /// times
    ///
    /// The name is taken exactly, and without a schema: add --schema to tell tables of one name
    /// apart. As in pg_restore, neither what the table needs nor what belongs to it, such as its
    /// indexes, is chosen along with it.
    #[arg(short = 't', long, value_name = "NAME")]
    pub table: Vec<String>,

    /// Only this index; may be given several times
    #[arg(short = 'I', long, value_name = "NAME")]
    pub index: Vec<String>,

    /// Only this function, "name(argument types)" as list shows it; may be given several times
    ///
    /// The name and the argument types must be spelled exactly as list shows them,
    /// "name(integer, text)".
    #[arg(short = 'P', long, value_name = "NAME(ARGS)")]
    pub function: Vec<String>,

    /// Only this trigger, "table trigger" as list shows it; may be given several times
    #[arg(short = 'T', long, value_name = "NAME")]
    pub trigger: Vec<String>,

    /// Only the entries in this list file, in its order
    ///
    /// Write the file with the list command, then delete lines, comment them out with ";", or move
    /// them. Its order is kept as far as dependencies allow.
    #[arg(short = 'L', long, value_name = "FILENAME")]
    pub use_list: Option<PathBuf>,

    /// Read what to include and exclude from this file; "-" is standard input; may be given
    /// several times
    ///
    /// Its lines are those of pg_restore's --filter, such as "include table users" or "exclude
    /// schema audit".
    #[arg(long, value_name = "FILENAME")]
    pub filter: Vec<PathBuf>,

    /// Every --schema and --table must match at least one entry
    #[arg(long)]
    pub strict_names: bool,

    /// What is left out of what was chosen.
    #[command(flatten)]
    pub leave_out: LeaveOut,
}

/// Kinds of entries that are not wanted, as typed.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "What to leave out")]
pub struct LeaveOut {
    /// No data: no rows, large objects or sequence values
    #[arg(long)]
    pub no_data: bool,

    /// No schema: no object definitions
    #[arg(long)]
    pub no_schema: bool,

    /// No statistics of the planner
    #[arg(long)]
    pub no_statistics: bool,

    /// No access privileges (GRANT and REVOKE)
    #[arg(short = 'x', long, visible_alias = "no-acl")]
    pub no_privileges: bool,

    /// No comments
    #[arg(long)]
    pub no_comments: bool,

    /// No row security policies
    #[arg(long)]
    pub no_policies: bool,

    /// No publications
    #[arg(long)]
    pub no_publications: bool,

    /// No security labels
    #[arg(long)]
    pub no_security_labels: bool,

    /// No subscriptions
    #[arg(long)]
    pub no_subscriptions: bool,
}
