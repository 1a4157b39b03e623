//! Hand-made entries, for tests.

mod oracle;
pub(crate) mod sample;

use proptest::prelude::*;

use crate::archive::{DataLocation, Desc, DumpId, Entry, Section};
use crate::select::options::{RestoreSection, SelectOptions};

/// An entry as pg_dump would write it: with SQL and in schema `public` if its kind has them, in the
/// section of its kind.
pub(crate) fn entry(dump_id: i32, desc: &str, tag: &str) -> Builder {
    let desc = Desc::from_text(desc);
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
        | Desc::Rule => Section::PostData,
        _ => Section::PreData,
    };
    let has_data = matches!(desc, Desc::TableData | Desc::Blobs | Desc::BlobComments);
    let outside_schemas = matches!(
        desc,
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
        had_dumper: has_data,
        table_oid: 1259,
        oid: 16384 + dump_id.unsigned_abs(),
        tag: tag.to_owned(),
        defn: if has_data { String::new() } else { "SELECT 1;\n".to_owned() },
        namespace: (!outside_schemas).then(|| "public".to_owned()),
        owner: Some("alice".to_owned()),
        ..Entry::bare(dump_id, desc, section)
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

prop_compose! {
    /// Any mixture of options, including conflicts, that select among these names.
    pub(crate) fn options(tables: &'static [&'static str], schemas: &'static [&'static str])(
        modes in prop::bits::u8::masked(0b111_1111),
        classes in prop::bits::u8::masked(0b111_1111),
        sections in prop::sample::subsequence(RestoreSection::ALL.to_vec(), 0..=3),
        sparse in prop::bits::u8::masked(0b111_1111),
        chosen in prop::sample::subsequence(schemas, 0..=schemas.len()),
        excluded in prop::sample::subsequence(schemas, 0..=schemas.len()),
        names in [any_of(tables), any_of(tables), any_of(tables), any_of(tables)],
    ) -> SelectOptions {
        let bit = |set: u8, n: u8| set >> n & 1 == 1;
        // Most options are rare, or hardly anything would ever be wanted.
        let rare = |n: u8| bit(modes, n) && bit(sparse, n);
        let owned = |names: &[&str], given: bool| -> Vec<String> {
            names.iter().filter(|_| given).map(|name| (*name).to_owned()).collect()
        };
        SelectOptions {
            data_only: rare(0) && !bit(sparse, 1),
            schema_only: rare(1) && !bit(sparse, 0),
            statistics_only: rare(2) && !bit(sparse, 1),
            statistics: rare(3),
            no_data: rare(4),
            no_schema: rare(5),
            no_statistics: rare(6),
            sections: if bit(sparse, 2) { sections } else { Vec::new() },
            schemas: owned(&chosen, bit(sparse, 3)),
            exclude_schemas: owned(&excluded, bit(sparse, 4)),
            tables: owned(&names[0], bit(sparse, 5)),
            indexes: owned(&names[1], bit(sparse, 5) && bit(sparse, 0)),
            functions: owned(&names[2], bit(sparse, 6) && bit(sparse, 1)),
            triggers: owned(&names[3], bit(sparse, 6) && bit(sparse, 2)),
            create_db: bit(classes, 0),
            no_acl: bit(classes, 1) && bit(sparse, 3),
            no_comments: bit(classes, 2) && bit(sparse, 4),
            no_policies: bit(classes, 3),
            no_publications: bit(classes, 4),
            no_security_labels: bit(classes, 5),
            no_subscriptions: bit(classes, 6),
            strict_names: false,
        }
    }
}

fn any_of(names: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(names, 0..=names.len())
}
