//! Hand-made entries.

use crate::archive::{DataLocation, Desc, DumpId, Entry, Section};

/// An entry with only a number and a kind, in the section of its kind.
pub(crate) fn bare(dump_id: i32, desc: Desc) -> Entry {
    let section = match desc {
        Desc::Acl | Desc::Comment | Desc::SecurityLabel => Section::None,
        Desc::TableData
        | Desc::SequenceSet
        | Desc::Blobs
        | Desc::Blob
        | Desc::BlobMetadata
        | Desc::StatisticsData => Section::Data,
        Desc::Index
        | Desc::Constraint
        | Desc::FkConstraint
        | Desc::Trigger
        | Desc::EventTrigger
        | Desc::MaterializedViewData
        | Desc::Publication
        | Desc::PublicationTable
        | Desc::PublicationTablesInSchema
        | Desc::Subscription
        | Desc::SubscriptionTable
        | Desc::RowSecurity
        | Desc::Policy
        | Desc::Rule
        | Desc::Statistics => Section::PostData,
        _ => Section::PreData,
    };
    let had_dumper = matches!(desc, Desc::TableData | Desc::Blobs | Desc::BlobComments);
    Entry { had_dumper, ..Entry::bare(dump_id, desc, section) }
}

/// An entry with only a kind and a name.
pub(crate) fn named(desc: Desc, tag: &str) -> Entry {
    Entry { tag: tag.to_owned(), ..bare(1, desc) }
}

/// An entry as pg_dump would write it: with SQL and in schema `public` if its kind has them, in the
/// section of its kind.
pub(crate) fn entry(dump_id: i32, desc: &str, tag: &str) -> Builder {
    let bare = bare(dump_id, Desc::from_text(desc));
    let outside_schemas = matches!(
        bare.desc,
        Desc::Schema
            | Desc::Database
            | Desc::DatabaseProperties
            | Desc::Blob
            | Desc::Blobs
            | Desc::BlobMetadata
            | Desc::Publication
            | Desc::Subscription
            | Desc::EventTrigger
            | Desc::Extension
            | Desc::Encoding
            | Desc::StdStrings
            | Desc::SearchPath
    );
    Builder(Entry {
        table_oid: 1259,
        oid: 16384 + dump_id.unsigned_abs(),
        tag: tag.to_owned(),
        defn: if bare.had_dumper { String::new() } else { "SELECT 1;\n".to_owned() },
        namespace: (!outside_schemas).then(|| "public".to_owned()),
        owner: Some("alice".to_owned()),
        ..bare
    })
}

/// Changes an entry before it is used.
pub(crate) struct Builder(Entry);

impl Builder {
    pub(crate) fn section(mut self, section: Section) -> Self {
        self.0.section = section;
        self
    }

    pub(crate) fn schema(mut self, schema: impl Into<Option<&'static str>>) -> Self {
        self.0.namespace = schema.into().map(str::to_owned);
        self
    }

    pub(crate) fn defn(mut self, defn: &str) -> Self {
        self.0.defn = defn.to_owned();
        self
    }

    pub(crate) fn had_dumper(mut self, had_dumper: bool) -> Self {
        self.0.had_dumper = had_dumper;
        self
    }

    pub(crate) fn owner(mut self, owner: impl Into<Option<&'static str>>) -> Self {
        self.0.owner = owner.into().map(str::to_owned);
        self
    }

    pub(crate) fn data(mut self, data: DataLocation) -> Self {
        self.0.data = data;
        self
    }

    pub(crate) fn after(mut self, dependencies: &[i32]) -> Self {
        self.0.dependencies = dependencies.iter().copied().map(DumpId).collect();
        self
    }

    pub(crate) fn build(self) -> Entry {
        self.0
    }
}
