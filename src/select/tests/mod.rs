//! Random options, for tests.

mod oracle;
pub(crate) mod sample;

use proptest::prelude::*;

use super::options::{RestoreSection, SelectOptions};

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
