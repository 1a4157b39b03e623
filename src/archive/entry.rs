//! One row of the table of contents: an [`Entry`] and its types.
//!
//! The names are PostgreSQL's own (`TocEntry` in `src/bin/pg_dump/pg_backup_archiver.h`). Text is
//! decoded from the archive's encoding when the TOC is read; see [`super::encoding`].

use std::fmt;

/// The number pg_dump gave an entry. Unique in an archive and greater than zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DumpId(pub i32);

impl fmt::Display for DumpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The section of a restore that an entry belongs to (`teSection`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// Comments, ACLs and the like: restored with their object.
    None,
    /// What must exist before rows can be loaded.
    PreData,
    /// Rows, large objects and sequence values.
    Data,
    /// Indexes, constraints, triggers and the like.
    PostData,
}

/// Defines [`Desc`], stating the text of each kind once.
macro_rules! desc {
    ($($(#[$meta:meta])* $variant:ident = $text:literal,)*) => {
        /// The kind of object an entry describes (`TocEntry.desc`).
        ///
        /// Kinds unknown to this version of nocturne are kept in [`Desc::Other`] and restored as
        /// SQL, as pg_restore would.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Desc {
            $($(#[$meta])* #[doc = concat!("`", $text, "`.")] $variant,)*
            /// A kind unknown to this version.
            Other(String),
        }

        impl Desc {
            /// The kind with this text in the archive.
            #[must_use]
            pub fn from_text(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }

            /// The text used in the archive and in listings.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }
    };
}

desc! {
    AccessMethod = "ACCESS METHOD",
    Acl = "ACL",
    /// Only from PostgreSQL 7.4.
    AclLanguage = "ACL LANGUAGE",
    Aggregate = "AGGREGATE",
    /// One large object, created empty (archives 1.12 to 1.15).
    Blob = "BLOB",
    /// Comments on large objects as data (before 9.0).
    BlobComments = "BLOB COMMENTS",
    /// Many large objects, created empty; the definition is a list of OIDs (from 1.16).
    BlobMetadata = "BLOB METADATA",
    /// The contents of large objects.
    Blobs = "BLOBS",
    Cast = "CAST",
    CheckConstraint = "CHECK CONSTRAINT",
    Collation = "COLLATION",
    Comment = "COMMENT",
    Constraint = "CONSTRAINT",
    Conversion = "CONVERSION",
    Database = "DATABASE",
    DatabaseProperties = "DATABASE PROPERTIES",
    Default = "DEFAULT",
    DefaultAcl = "DEFAULT ACL",
    Domain = "DOMAIN",
    Encoding = "ENCODING",
    EventTrigger = "EVENT TRIGGER",
    Extension = "EXTENSION",
    FkConstraint = "FK CONSTRAINT",
    ForeignDataWrapper = "FOREIGN DATA WRAPPER",
    ForeignTable = "FOREIGN TABLE",
    Function = "FUNCTION",
    Index = "INDEX",
    IndexAttach = "INDEX ATTACH",
    /// Obsolete marker, always ignored.
    Init = "<Init>",
    MaterializedView = "MATERIALIZED VIEW",
    MaterializedViewData = "MATERIALIZED VIEW DATA",
    Operator = "OPERATOR",
    OperatorClass = "OPERATOR CLASS",
    OperatorFamily = "OPERATOR FAMILY",
    Policy = "POLICY",
    ProceduralLanguage = "PROCEDURAL LANGUAGE",
    Procedure = "PROCEDURE",
    Publication = "PUBLICATION",
    PublicationTable = "PUBLICATION TABLE",
    PublicationTablesInSchema = "PUBLICATION TABLES IN SCHEMA",
    RowSecurity = "ROW SECURITY",
    Rule = "RULE",
    Schema = "SCHEMA",
    SearchPath = "SEARCHPATH",
    SecurityLabel = "SECURITY LABEL",
    Sequence = "SEQUENCE",
    SequenceOwnedBy = "SEQUENCE OWNED BY",
    SequenceSet = "SEQUENCE SET",
    Server = "SERVER",
    ShellType = "SHELL TYPE",
    Statistics = "STATISTICS",
    StatisticsData = "STATISTICS DATA",
    StdStrings = "STDSTRINGS",
    Subscription = "SUBSCRIPTION",
    SubscriptionTable = "SUBSCRIPTION TABLE",
    Table = "TABLE",
    TableAttach = "TABLE ATTACH",
    TableData = "TABLE DATA",
    Tablespace = "TABLESPACE",
    TextSearchConfiguration = "TEXT SEARCH CONFIGURATION",
    TextSearchDictionary = "TEXT SEARCH DICTIONARY",
    TextSearchParser = "TEXT SEARCH PARSER",
    TextSearchTemplate = "TEXT SEARCH TEMPLATE",
    Transform = "TRANSFORM",
    Trigger = "TRIGGER",
    Type = "TYPE",
    UserMapping = "USER MAPPING",
    View = "VIEW",
    /// A message from pg_dump to the user who restores.
    Warning = "WARNING",
}

impl fmt::Display for Desc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where the archive holds an entry's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataLocation {
    /// The entry has no data.
    None,
    /// Directory and tar format: the name of a file, without a compression suffix.
    File(String),
    /// Custom format: bytes from the start of the archive to the entry's block.
    Offset(u64),
    /// Custom format written to a pipe: pg_dump could not seek back to record the offset.
    OffsetNotSet,
}

/// One row of the table of contents.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The entry's number.
    pub dump_id: DumpId,
    /// Whether the entry has data in the archive (`hadDumper`).
    pub had_dumper: bool,
    /// OID of the system catalogue that contains the object, 0 if none.
    pub table_oid: u32,
    /// OID of the object in the dumped database, 0 if none.
    pub oid: u32,
    /// The object's name, or a phrase such as `TABLE users` for a comment or an ACL.
    pub tag: String,
    /// The kind of object.
    pub desc: Desc,
    /// The section of the restore it belongs to.
    pub section: Section,
    /// SQL that creates it, empty if none.
    pub defn: String,
    /// SQL that drops it, empty if none.
    pub drop_stmt: String,
    /// `COPY … FROM stdin;`, empty if the data is not COPY data.
    pub copy_stmt: String,
    /// The schema it lives in. `None` for objects outside schemas.
    pub namespace: Option<String>,
    /// Its tablespace: empty means the database's default, `None` that it has no storage.
    pub tablespace: Option<String>,
    /// Its table access method (from archive version 1.14).
    pub table_am: Option<String>,
    /// `pg_class.relkind` (from archive version 1.16), 0 if unknown.
    pub relkind: u8,
    /// The role that owns it.
    pub owner: Option<String>,
    /// Whether the table was created `WITH OIDS` (removed in PostgreSQL 12).
    pub with_oids: bool,
    /// Entries that must be restored before this one. Some may be missing from the archive.
    pub dependencies: Vec<DumpId>,
    /// Where its data is.
    pub data: DataLocation,
}

impl Entry {
    /// An entry with only a number, a kind and a section.
    pub(crate) fn bare(dump_id: i32, desc: Desc, section: Section) -> Self {
        Self {
            dump_id: DumpId(dump_id),
            had_dumper: false,
            table_oid: 0,
            oid: 0,
            tag: String::new(),
            desc,
            section,
            defn: String::new(),
            drop_stmt: String::new(),
            copy_stmt: String::new(),
            namespace: None,
            tablespace: None,
            table_am: None,
            relkind: 0,
            owner: None,
            with_oids: false,
            dependencies: Vec::new(),
            data: DataLocation::None,
        }
    }

    /// The name of the entry in messages: `TABLE DATA public.users`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.namespace.as_deref() {
            Some(namespace) if !namespace.is_empty() => {
                format!("{} {}.{}", self.desc, namespace, self.tag)
            }
            _ => format!("{} {}", self.desc, self.tag),
        }
    }

    /// Whether either of its two fields about data says that it has some.
    #[must_use]
    pub fn declares_data(&self) -> bool {
        self.had_dumper || self.data != DataLocation::None
    }

    /// Whether the data of this entry is loaded into an ancestor partition rather than the table in
    /// its tag (`pg_dump --load-via-partition-root`).
    ///
    /// Newer archives have a comment in `defn`; in older ones the COPY statement names another
    /// table (`is_load_via_partition_root` in `pg_backup_archiver.c`).
    #[must_use]
    pub fn is_load_via_partition_root(&self) -> bool {
        if self.defn.starts_with(LOAD_VIA_PARTITION_ROOT) {
            return true;
        }
        if self.copy_stmt.is_empty() {
            return false;
        }
        let own =
            format!("COPY {} ", crate::sql::ident::qualified(self.namespace.as_deref(), &self.tag));
        !self.copy_stmt.starts_with(&own)
    }

    /// Whether this is an access-privilege entry, restored in a separate pass.
    #[must_use]
    pub fn is_acl(&self) -> bool {
        matches!(self.desc, Desc::Acl | Desc::AclLanguage | Desc::DefaultAcl)
    }
}

/// The start of `defn` for table data that is loaded through its partition root.
pub const LOAD_VIA_PARTITION_ROOT: &str = "-- load via partition root ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_round_trips() {
        for text in ["TABLE DATA", "FK CONSTRAINT", "<Init>", "PUBLICATION TABLES IN SCHEMA"] {
            let desc = Desc::from_text(text);
            assert!(!matches!(desc, Desc::Other(_)), "{text}");
            assert_eq!(desc.as_str(), text);
        }
    }

    #[test]
    fn unknown_kind_keeps_its_text() {
        assert_eq!(Desc::from_text("HYPERCUBE").as_str(), "HYPERCUBE");
    }
}
