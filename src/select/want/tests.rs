//! Tests of the decisions: each option keeps and drops the same entries as pg_restore.

use super::*;
use crate::archive::Place;
use crate::archive::tests::entry::entry;
use crate::select::tests::sample::{archive, names, options, wanted};
use crate::select::{RestoreSection, select};

/// What is wanted by default and no longer with these options.
fn dropped(options: &SelectOptions) -> Vec<i32> {
    let entries = archive();
    let left = wanted(&entries, options);
    let mut all = wanted(&entries, &SelectOptions::default());
    assert!(left.iter().all(|id| all.contains(id)), "more than by default: {left:?}");
    all.retain(|id| !left.contains(id));
    all
}

/// `(schema, data, stats, special)` of a lone entry.
fn parts(entry: Entry, options: &SelectOptions) -> (bool, bool, bool, bool) {
    let Want { schema, data, stats, special } =
        select(&[entry], options, None).unwrap().want(Place(0));
    (schema, data, stats, special)
}

#[test]
fn class_exclusion_options_exclude_exactly_that_class() {
    let cases: [(&str, SelectOptions, &[i32]); 6] = [
        ("no_acl", options(|o| o.no_acl = true), &[22, 23, 30, 31, 44]),
        ("no_comments", options(|o| o.no_comments = true), &[21, 65, 69, 73]),
        ("no_policies", options(|o| o.no_policies = true), &[63, 64, 65]),
        ("no_publications", options(|o| o.no_publications = true), &[66, 67, 68, 69, 70]),
        ("no_security_labels", options(|o| o.no_security_labels = true), &[24, 70, 74]),
        ("no_subscriptions", options(|o| o.no_subscriptions = true), &[71, 72, 73, 74]),
    ];
    for (name, options, expected) in cases {
        assert_eq!(dropped(&options), expected, "{name}");
    }
}

#[test]
fn create_always_selects_the_database() {
    let entries = archive();
    for change in [
        |_: &mut SelectOptions| {},
        |o: &mut SelectOptions| o.data_only = true,
        |o: &mut SelectOptions| o.tables = vec!["orders".into()],
        |o: &mut SelectOptions| o.sections = vec![RestoreSection::PostData],
    ] {
        let options = options(change);
        let without = wanted(&entries, &options);
        assert!(!without.contains(&4) && !without.contains(&5));
        let with = wanted(&entries, &SelectOptions { create_db: true, ..options });
        assert!(with.contains(&4) && with.contains(&5));
    }
    // Its comment is SQL like any other, but does not depend on the selection.
    let mut options = options(|o| o.tables = names(&["orders"]));
    assert!(!wanted(&entries, &options).contains(&6));
    options.create_db = true;
    assert!(wanted(&entries, &options).contains(&6));
    options.no_comments = true;
    assert!(!wanted(&entries, &options).contains(&6));
}

#[test]
fn data_only_selects_what_makes_data() {
    let entries = archive();
    let data = [39, 40, 41, 42, 43, 44, 45];
    assert_eq!(wanted(&entries, &options(|o| o.data_only = true)), data);
    let both = options(|o| (o.no_schema, o.no_statistics) = (true, true));
    assert_eq!(wanted(&entries, &both), data);
}

#[test]
fn schema_only_selects_definitions() {
    let without_data = [39, 40, 41, 42, 43, 44, 45, 46, 75];
    assert_eq!(dropped(&options(|o| o.schema_only = true)), without_data);
    let both = options(|o| (o.no_data, o.no_statistics) = (true, true));
    assert_eq!(dropped(&both), without_data);
}

#[test]
fn statistics_are_a_separate_class() {
    let entries = archive();
    assert_eq!(wanted(&entries, &options(|o| o.statistics_only = true)), [46, 75]);
    assert_eq!(dropped(&options(|o| o.no_statistics = true)), [46, 75]);
    let neither = options(|o| (o.no_data, o.no_schema) = (true, true));
    assert_eq!(wanted(&entries, &neither), [46, 75]);
    assert_eq!(dropped(&options(|o| o.statistics = true)), [0; 0]);
}

#[test]
fn sections_are_selected_alone_and_together() {
    let entries = archive();
    let only = |sections: &[RestoreSection]| {
        wanted(&entries, &options(|o| o.sections = sections.to_vec()))
    };
    use RestoreSection::*;
    let (pre, data, post) = (only(&[PreData]), only(&[Data]), only(&[PostData]));
    assert!(pre.iter().all(|id| *id < 39), "{pre:?}");
    assert!(data.iter().all(|id| (39..60).contains(id)), "{data:?}");
    assert!(post.iter().all(|id| *id >= 60), "{post:?}");
    let all = wanted(&entries, &SelectOptions::default());
    assert_eq!([pre.clone(), data, post.clone()].concat(), all);
    assert_eq!(only(&[PostData, PreData]), [pre, post].concat());
}

#[test]
fn sectionless_entry_belongs_to_the_preceding_section() {
    let entries = [
        entry(1, "COMMENT", "SCHEMA first").build(),
        entry(2, "TABLE DATA", "t").build(),
        entry(3, "ACL", "TABLE t").build(),
    ];
    let only = |section| options(|o| o.sections = vec![section]);
    assert_eq!(wanted(&entries, &only(RestoreSection::PreData)), [1]);
    assert_eq!(wanted(&entries, &only(RestoreSection::Data)), [2, 3]);
}

#[test]
fn selected_schemas_include_their_objects_and_comments() {
    let entries = archive();
    let archived = options(|o| o.schemas = names(&["archive"]));
    // Not the schema itself: it is in no schema.
    assert_eq!(wanted(&entries, &archived), [25, 41]);
    let public = wanted(&entries, &options(|o| o.schemas = names(&["public"])));
    for id in [20, 21, 22, 23, 24, 40, 46, 60, 65] {
        assert!(public.contains(&id), "{id}");
    }
    // Objects without a schema or in another one, and privileges without an object in the archive.
    for id in [10, 11, 25, 30, 39, 44, 66, 69] {
        assert!(!public.contains(&id), "{id}");
    }
    let both = options(|o| o.schemas = names(&["public", "archive"]));
    assert_eq!(wanted(&entries, &both).len(), public.len() + 2);
}

#[test]
fn excluded_schemas_lose_only_their_objects() {
    // 30 goes because comments and privileges then need an object that is restored.
    let without = options(|o| o.exclude_schemas = names(&["archive"]));
    assert_eq!(dropped(&without), [25, 30, 41]);
    // Exclusion beats inclusion.
    let both =
        options(|o| (o.schemas, o.exclude_schemas) = (names(&["archive"]), names(&["archive"])));
    assert_eq!(wanted(&archive(), &both), [0; 0]);
}

#[test]
fn names_select_objects_of_their_kind() {
    let entries = archive();
    let cases: [(SelectOptions, &[i32]); 9] = [
        // Both tables of that name, with rows, statistics, comments and privileges, but no indexes.
        (options(|o| o.tables = names(&["orders"])), &[20, 21, 22, 23, 24, 25, 40, 41, 46]),
        (options(|o| o.tables = names(&["recent", "remote"])), &[26, 28]),
        (options(|o| o.tables = names(&["orders_id_seq"])), &[29, 42]),
        (options(|o| o.tables = names(&["summary"])), &[27, 76]),
        (options(|o| o.tables = names(&["orders_at"])), &[]),
        (options(|o| o.indexes = names(&["orders_at"])), &[60, 75]),
        (options(|o| o.functions = names(&["f(integer)", "total(integer)", "p()"])), &[12, 13, 14]),
        (options(|o| o.triggers = names(&["orders audit"])), &[62]),
        (
            options(|o| {
                (o.tables, o.indexes) = (names(&["remote"]), names(&["orders_at"]));
            }),
            &[28, 60, 75],
        ),
    ];
    for (options, expected) in cases {
        assert_eq!(wanted(&entries, &options), expected, "{options:?}");
    }
    let in_schema = options(|o| (o.tables, o.schemas) = (names(&["orders"]), names(&["archive"])));
    assert_eq!(wanted(&entries, &in_schema), [25, 41]);
    let by_other_name = options(|o| o.functions = names(&["f"]));
    assert_eq!(wanted(&entries, &by_other_name), [0; 0]);
}

#[test]
fn dependent_entry_needs_a_restored_non_acl_parent() {
    let options = options(|o| o.tables = names(&["t"]));
    let table = |id| entry(id, "TABLE", "t").build();
    let comment = |parents: &[i32]| entry(5, "COMMENT", "TABLE t").after(parents).build();
    for (entries, expected) in [
        (vec![table(1), comment(&[1])], true),
        (vec![entry(1, "TABLE", "u").build(), comment(&[1])], false),
        (vec![comment(&[])], false),
        (vec![comment(&[99])], false),
        // Before its parent, as with an odd list file: not decided yet.
        (vec![comment(&[1]), table(1)], false),
        (vec![table(1), entry(2, "ACL", "TABLE t").after(&[1]).build(), comment(&[2])], false),
        // A setting counts as restored here.
        (vec![entry(1, "ENCODING", "ENCODING").build(), comment(&[1])], true),
    ] {
        let ids = wanted(&entries, &options);
        assert_eq!(ids.contains(&5), expected, "{ids:?}");
    }
}

#[test]
fn entry_contents_follow_its_kind_and_text() {
    let via_root = format!("{LOAD_VIA_PARTITION_ROOT}public.root");
    for (name, entry, expected) in [
        ("a definition", entry(1, "TABLE", "t"), (true, false, false, false)),
        ("rows", entry(1, "TABLE DATA", "t"), (false, true, false, false)),
        (
            "rows by way of the root",
            entry(1, "TABLE DATA", "t").defn(&via_root),
            (false, true, false, false),
        ),
        (
            "definition and data",
            entry(1, "BLOB COMMENTS", "b").defn("x"),
            (true, true, false, false),
        ),
        ("a large object", entry(1, "BLOB", "1"), (false, true, false, false)),
        ("a value", entry(1, "SEQUENCE SET", "s"), (false, true, false, false)),
        (
            "a large object's comment",
            entry(1, "COMMENT", "LARGE OBJECT 1"),
            (false, true, false, false),
        ),
        (
            "large objects' label",
            entry(1, "SECURITY LABEL", "LARGE OBJECTS 1..2"),
            (false, true, false, false),
        ),
        ("a comment", entry(1, "COMMENT", "TABLE t"), (true, false, false, false)),
        ("statistics", entry(1, "STATISTICS DATA", "t"), (false, false, true, false)),
        (
            "statistics without text",
            entry(1, "STATISTICS DATA", "t").defn(""),
            (false, false, true, false),
        ),
        ("no database", entry(1, "COMMENT", "DATABASES"), (true, false, false, false)),
        ("a kind unknown", entry(1, "HYPERCUBE", "t"), (true, false, false, false)),
        ("nothing", entry(1, "TABLE", "t").defn(""), (false, false, false, false)),
        ("a setting", entry(1, "ENCODING", "ENCODING"), (false, false, false, true)),
        (
            "the marker",
            entry(1, "<Init>", "Max OID").had_dumper(true),
            (false, false, false, false),
        ),
        ("another marker", entry(1, "<Init>", "x"), (true, false, false, false)),
    ] {
        assert_eq!(parts(entry.build(), &SelectOptions::default()), expected, "{name}");
    }
    // Half of it can be asked for.
    let both = || entry(1, "BLOB COMMENTS", "b").defn("x").build();
    assert_eq!(parts(both(), &options(|o| o.no_data = true)), (true, false, false, false));
    assert_eq!(parts(both(), &options(|o| o.no_schema = true)), (false, true, false, false));
}

#[test]
fn empty_schema_differs_from_no_schema() {
    let entries =
        [entry(1, "TYPE", "a").schema("").build(), entry(2, "TYPE", "b").schema(None).build()];
    assert_eq!(wanted(&entries, &options(|o| o.schemas = names(&[""]))), [1]);
    assert_eq!(wanted(&entries, &options(|o| o.exclude_schemas = names(&[""]))), [2]);
}
