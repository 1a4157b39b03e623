//! Why a table is not left or patched, or why everything is restored.

use std::fmt;

/// Why a sync does not do the least work. In words, a clause without its end: `more than 12 % of
/// the rows changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The user asked for it.
    FromScratch,
    /// The manifest is missing, or does not have this table.
    ManifestMissing,
    /// The manifest is not believed; why, in words.
    ManifestNotTrusted(String),
    /// Options or settings differ from the last sync's; each difference in words.
    SettingsDiffer(Vec<String>),
    /// These entries are new, gone or have another definition, by their labels.
    DefinitionsChanged(Vec<String>),
    /// These objects were changed or dropped in the database since the last sync.
    ChangedByOthers(Vec<String>),
    /// Others inserted or updated this many rows of the table since the last sync.
    WrittenByOthers(u64),
    /// Others deleted rows: the table had the first number of rows, and has the second.
    RowsMissing(u64, u64),
    /// The table's file was replaced since the last sync (VACUUM FULL, CLUSTER, TRUNCATE).
    FileReplaced,
    /// The last sync is so long ago that transaction IDs no longer tell.
    TooLongAgo,
    /// This role may not read all of the table's rows.
    NotReadable,
    /// The archive's data is not that of the last sync.
    DataChanged,
    /// More than this share of the rows changed, in percent.
    TooMuchChanged(u32),
    /// More rows changed than fit into memory.
    TooManyChanges,
    /// A row is too large to be compared.
    WideRow,
    /// Others wrote characters that the archive's encoding lacks.
    OtherCharacters,
    /// Its rows are INSERT statements.
    Inserts,
    /// Its rows are in several entries of the archive.
    InParts,
    /// Its rows are loaded through a partitioned table.
    ThroughRoot,
    /// Its rows have no columns.
    NoColumns,
    /// The table is not an ordinary one (a foreign or partitioned table, another access method).
    NotPlain,
    /// The table has rules.
    HasRules,
    /// Row security applies to this role, too.
    RowSecurity,
    /// The table belongs to an extension.
    OfExtension,
    /// The table is distributed over other servers.
    Distributed,
    /// What the table stores depends on functions, which may read other tables.
    Computed,
    /// Foreign keys refer to the table or from it, and this role may not switch them off.
    ForeignKeys,
    /// The table has both foreign keys, which have to be switched off, and a DEFERRABLE constraint,
    /// which must not be.
    DeferrableConstraint,
    /// The table has no replica identity, which its publication needs.
    NoReplicaIdentity,
    /// The result of a patch was not the archive's rows.
    Mismatch,
    /// The server refused to patch it; its message.
    Refused(String),
    /// The archive has large objects that changed.
    LargeObjects,
    /// A reason that concerns one table.
    OfTable(String, Box<Self>),
}

impl Reason {
    /// The reason, with the table's name in SQL.
    pub(super) fn of(self, table: &str) -> Self {
        Self::OfTable(table.to_owned(), Box::new(self))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromScratch => f.write_str("--from-scratch was given"),
            Self::ManifestMissing => f.write_str("the target has no manifest of it"),
            Self::ManifestNotTrusted(why) => write!(f, "the manifest cannot be trusted: {why}"),
            Self::SettingsDiffer(all) => f.write_str(&all.join(", ")),
            Self::DefinitionsChanged(all) => write!(f, "definitions changed: {}", few(all)),
            Self::ChangedByOthers(all) => write!(f, "changed by someone else: {}", few(all)),
            Self::WrittenByOthers(1) => f.write_str("1 row was written by someone else"),
            Self::WrittenByOthers(rows) => write!(f, "{rows} rows were written by someone else"),
            Self::RowsMissing(then, now) => {
                write!(f, "someone else deleted or added rows: {then} then, {now} now")
            }
            Self::FileReplaced => f.write_str("the table was rewritten by someone else"),
            Self::TooLongAgo => f.write_str("the last sync is too long ago"),
            Self::NotReadable => f.write_str("this role may not read all of its rows"),
            Self::DataChanged => f.write_str("the data changed"),
            Self::TooMuchChanged(limit) => write!(f, "more than {limit} % of the rows changed"),
            Self::TooManyChanges => f.write_str("too many rows changed"),
            Self::WideRow => f.write_str("a row is too large to be compared"),
            Self::OtherCharacters => {
                f.write_str("someone else wrote characters that the archive's encoding lacks")
            }
            Self::Inserts => f.write_str("its rows are INSERT statements"),
            Self::InParts => f.write_str("its rows are in several entries"),
            Self::ThroughRoot => f.write_str("its rows are loaded through a partitioned table"),
            Self::NoColumns => f.write_str("the table has no columns"),
            Self::NotPlain => f.write_str("it is not an ordinary table"),
            Self::HasRules => f.write_str("the table has rules"),
            Self::RowSecurity => f.write_str("row security applies to this role"),
            Self::OfExtension => f.write_str("the table belongs to an extension"),
            Self::Distributed => f.write_str("the table is distributed"),
            Self::Computed => f.write_str("its indexes or constraints call functions"),
            Self::ForeignKeys => f.write_str(
                "foreign keys are involved, and this role may not set session_replication_role",
            ),
            Self::DeferrableConstraint => {
                f.write_str("the table has foreign keys and a deferrable unique constraint")
            }
            Self::NoReplicaIdentity => f.write_str("the table is published without an identity"),
            Self::Mismatch => f.write_str("patching it did not give the archive's rows"),
            Self::Refused(message) => write!(f, "the server refused a patch: {message}"),
            Self::OfTable(table, reason) => write!(f, "{table}: {reason}"),
            Self::LargeObjects => f.write_str("large objects changed"),
        }
    }
}

/// The first names, and how many more there are.
fn few(all: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
