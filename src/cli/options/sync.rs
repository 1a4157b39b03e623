//! `nocturne sync`, as typed.

use std::path::PathBuf;

use clap::{Args, Command};

use super::connection::Connection;
use super::selection::SelectionArgs;
use super::{Behaviour, CostArgs, Properties, Reporting, Results};

/// `nocturne sync`, as typed.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// Archive: a file, directory or URL; "-", the default, reads standard input
    ///
    /// Of a file, only what differs is decompressed. A stream is read once: if a table turns out not to
    /// be patchable, the sync fails, and nothing is changed.
    #[arg(value_name = "ARCHIVE")]
    pub archive: Option<PathBuf>,

    /// The target server.
    #[command(flatten)]
    pub connection: Connection,

    /// What may be changed, and how far.
    #[command(flatten)]
    pub changes: Changes,

    /// Which entries to sync.
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// Object properties that are not restored.
    #[command(flatten)]
    pub properties: Properties,

    /// How to restore.
    #[command(flatten)]
    pub behaviour: Behaviour,

    /// Job timings from earlier runs.
    #[command(flatten)]
    pub costs: CostArgs,

    /// Logging and progress.
    #[command(flatten)]
    pub reporting: Reporting,

    /// Files with the results.
    #[command(flatten)]
    pub results: Results,
}

/// What a sync may change, and how far, as typed.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Changes")]
pub struct Changes {
    /// Report what would change; writes nothing
    ///
    /// Prints each table with the rows that would be inserted and deleted on standard output; as
    /// JSON with --log-format json. Reads the tables that a sync would read.
    #[arg(long, conflicts_with_all = ["summary", "timeline"])]
    pub dry_run: bool,

    /// Compare with a database that was restored without a manifest, by reading it
    ///
    /// Takes the definitions in the database for those of the archive; every selected object has to
    /// exist. Reads every table.
    #[arg(long)]
    pub adopt: bool,

    /// Restore everything, as if nothing were known
    ///
    /// Objects of the archive, and those of the last sync, are dropped and restored.
    #[arg(long, conflicts_with_all = ["adopt", "no_full"])]
    pub from_scratch: bool,

    /// Fail instead of restoring everything if the changes cannot be applied
    #[arg(long)]
    pub no_full: bool,

    /// Replace all rows of a table if more than this share of them changed; default 12
    ///
    /// Up to 5,000 new rows are always patched, and so are the tables of a stream.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub patch_limit: Option<u8>,
}

/// What a sync consists of.
const WHOLE: &str = "it compares definitions and data together";
/// How a sync commits.
const AT_ONCE: &str = "it applies all changes in one transaction";
/// What a sync does about triggers.
const TRIGGERS: &str = "it disables triggers where necessary";
/// What a sync does about existing objects.
const EXISTING: &str = "it changes existing objects; --from-scratch replaces them";

/// Options of the shared groups that a sync does not have, and why.
pub(crate) const REFUSED: [(&str, &str); 20] = [
    ("data_only", WHOLE),
    ("schema_only", WHOLE),
    ("statistics_only", WHOLE),
    ("section", WHOLE),
    ("no_data", WHOLE),
    ("no_schema", WHOLE),
    ("use_list", "select with --schema, --table or --filter"),
    ("clean", EXISTING),
    ("if_exists", EXISTING),
    ("no_data_for_failed_tables", EXISTING),
    ("exit_on_error", AT_ONCE),
    ("single_transaction", AT_ONCE),
    ("transaction_size", AT_ONCE),
    ("resume", "an interrupted sync changes nothing; run it again"),
    ("disable_triggers", TRIGGERS),
    ("superuser", TRIGGERS),
    ("enable_row_security", "it reads and writes all rows"),
    ("use_set_session_authorization", "set the owner with --role or --no-owner"),
    ("list", "use nocturne list"),
    ("no_reconnect", "it has no meaning"),
];

/// Hides the options that a sync does not have.
pub(crate) fn without_refused(command: Command) -> Command {
    REFUSED.iter().fold(command, |command, (id, _)| command.mut_arg(id, |arg| arg.hide(true)))
}
