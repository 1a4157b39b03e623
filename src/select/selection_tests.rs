//! Tests of the decisions: each option keeps and drops what pg_restore keeps and drops.

use proptest::prelude::*;

use super::*;
use crate::archive::Desc;
use crate::archive::entry::LOAD_VIA_PARTITION_ROOT;
use crate::select::testing::entry;
use crate::select::{Flag, RestoreSection};

/// An archive with one entry of each sort that some rule is about.
fn archive() -> Vec<Entry> {
    [
        entry(1, "ENCODING", "ENCODING"),
        entry(2, "STDSTRINGS", "STDSTRINGS"),
        entry(3, "SEARCHPATH", "SEARCHPATH"),
        entry(4, "DATABASE", "shop"),
        entry(5, "DATABASE PROPERTIES", "shop"),
        entry(6, "COMMENT", "DATABASE shop").schema(None).after(&[4]),
        entry(10, "SCHEMA", "archive"),
        entry(11, "EXTENSION", "hstore"),
        entry(12, "FUNCTION", "f(integer)"),
        entry(13, "AGGREGATE", "total(integer)"),
        entry(14, "PROCEDURE", "p()"),
        entry(20, "TABLE", "orders").after(&[11]),
        entry(21, "COMMENT", "TABLE orders").after(&[20]),
        entry(22, "ACL", "TABLE orders").after(&[20]),
        entry(23, "ACL", "COLUMN orders.id").after(&[20, 22]),
        entry(24, "SECURITY LABEL", "TABLE orders").after(&[20]),
        entry(25, "TABLE", "orders").schema("archive"),
        entry(26, "VIEW", "recent"),
        entry(27, "MATERIALIZED VIEW", "summary"),
        entry(28, "FOREIGN TABLE", "remote"),
        entry(29, "SEQUENCE", "orders_id_seq"),
        entry(30, "ACL", "FUNCTION pg_catalog.now()").schema("pg_catalog"),
        entry(31, "DEFAULT ACL", "DEFAULT PRIVILEGES FOR TABLES"),
        entry(39, "BLOB", "16500"),
        entry(40, "TABLE DATA", "orders").after(&[20]),
        entry(41, "TABLE DATA", "orders").schema("archive").after(&[25]),
        entry(42, "SEQUENCE SET", "orders_id_seq"),
        entry(43, "BLOB METADATA", "16501..16502"),
        entry(44, "ACL", "LARGE OBJECT 16500").schema(None).after(&[39]),
        entry(45, "BLOBS", "BLOBS"),
        entry(46, "STATISTICS DATA", "orders").after(&[20]),
        entry(60, "INDEX", "orders_at").after(&[20]),
        entry(61, "CONSTRAINT", "orders orders_pkey").after(&[20]),
        entry(62, "TRIGGER", "orders audit").after(&[20]),
        entry(63, "POLICY", "orders mine").after(&[20]),
        entry(64, "ROW SECURITY", "orders").after(&[20]),
        entry(65, "COMMENT", "POLICY mine ON orders").after(&[63]),
        entry(66, "PUBLICATION", "pub"),
        entry(67, "PUBLICATION TABLE", "pub orders").after(&[66, 20]),
        entry(68, "PUBLICATION TABLES IN SCHEMA", "pub archive").after(&[66]),
        entry(69, "COMMENT", "PUBLICATION pub").schema(None).after(&[66]),
        entry(70, "SECURITY LABEL", "PUBLICATION pub").schema(None).after(&[66]),
        entry(71, "SUBSCRIPTION", "sub"),
        entry(72, "SUBSCRIPTION TABLE", "sub orders").after(&[71, 20]),
        entry(73, "COMMENT", "SUBSCRIPTION sub").schema(None).after(&[71]),
        entry(74, "SECURITY LABEL", "SUBSCRIPTION sub").schema(None).after(&[71]),
        entry(75, "STATISTICS DATA", "orders_at").section(Section::PostData).after(&[60]),
        entry(76, "MATERIALIZED VIEW DATA", "summary").after(&[27]),
    ]
    .into_iter()
    .map(crate::select::testing::Builder::build)
    .collect()
}

fn options(change: impl FnOnce(&mut SelectOptions)) -> SelectOptions {
    let mut options = SelectOptions::default();
    change(&mut options);
    options
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The wanted entries' numbers.
fn wanted(entries: &[Entry], options: &SelectOptions) -> Vec<i32> {
    let selection = select(entries, options, None).unwrap();
    selection.wanted().map(|index| entries[index].dump_id.0).collect()
}

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
    let Want { schema, data, stats, special } = select(&[entry], options, None).unwrap().want(0);
    (schema, data, stats, special)
}

#[test]
fn by_default_all_is_wanted_but_the_database() {
    let entries = archive();
    let selection = select(&entries, &SelectOptions::default(), None).unwrap();
    for (index, entry) in entries.iter().enumerate() {
        let is_setting = matches!(entry.desc, Desc::Encoding | Desc::StdStrings | Desc::SearchPath);
        let is_database = (4..=6).contains(&entry.dump_id.0);
        assert_eq!(selection.want(index).special, is_setting, "{}", entry.label());
        assert_eq!(selection.want(index).any(), !is_setting && !is_database, "{}", entry.label());
        assert_eq!(selection.reason(index).is_some(), is_database, "{}", entry.label());
    }
    assert!(selection.order.iter().copied().eq(0..entries.len()));
}

#[test]
fn options_that_exclude_a_class_exclude_that_class() {
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
fn the_database_is_wanted_with_create_whatever_else_is_chosen() {
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
fn data_only_leaves_what_makes_data() {
    let entries = archive();
    let data = [39, 40, 41, 42, 43, 44, 45];
    assert_eq!(wanted(&entries, &options(|o| o.data_only = true)), data);
    let both = options(|o| (o.no_schema, o.no_statistics) = (true, true));
    assert_eq!(wanted(&entries, &both), data);
}

#[test]
fn schema_only_leaves_definitions() {
    let without_data = [39, 40, 41, 42, 43, 44, 45, 46, 75];
    assert_eq!(dropped(&options(|o| o.schema_only = true)), without_data);
    let both = options(|o| (o.no_data, o.no_statistics) = (true, true));
    assert_eq!(dropped(&both), without_data);
}

#[test]
fn statistics_are_a_part_of_their_own() {
    let entries = archive();
    assert_eq!(wanted(&entries, &options(|o| o.statistics_only = true)), [46, 75]);
    assert_eq!(dropped(&options(|o| o.no_statistics = true)), [46, 75]);
    let neither = options(|o| (o.no_data, o.no_schema) = (true, true));
    assert_eq!(wanted(&entries, &neither), [46, 75]);
    assert_eq!(dropped(&options(|o| o.statistics = true)), [0; 0]);
}

#[test]
fn sections_are_kept_alone_and_together() {
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
fn an_entry_of_no_section_is_in_that_of_the_entries_before_it() {
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
fn chosen_schemas_take_their_objects_and_what_is_said_of_them() {
    let entries = archive();
    let archived = options(|o| o.schemas = names(&["archive"]));
    // Not the schema itself: it is in no schema.
    assert_eq!(wanted(&entries, &archived), [25, 41]);
    let public = wanted(&entries, &options(|o| o.schemas = names(&["public"])));
    for id in [20, 21, 22, 23, 24, 40, 46, 60, 65] {
        assert!(public.contains(&id), "{id}");
    }
    // Objects in no schema or another one, and privileges without an object in the archive.
    for id in [10, 11, 25, 30, 39, 44, 66, 69] {
        assert!(!public.contains(&id), "{id}");
    }
    let both = options(|o| o.schemas = names(&["public", "archive"]));
    assert_eq!(wanted(&entries, &both).len(), public.len() + 2);
}

#[test]
fn excluded_schemas_lose_their_objects_alone() {
    // 30 goes because comments and privileges then need an object that is restored.
    let without = options(|o| o.exclude_schemas = names(&["archive"]));
    assert_eq!(dropped(&without), [25, 30, 41]);
    // Exclusion beats inclusion.
    let both =
        options(|o| (o.schemas, o.exclude_schemas) = (names(&["archive"]), names(&["archive"])));
    assert_eq!(wanted(&archive(), &both), [0; 0]);
}

#[test]
fn names_choose_objects_of_their_kind() {
    let entries = archive();
    let cases: [(SelectOptions, &[i32]); 9] = [
        // Both tables of that name, rows, statistics, and what is said of them; no indexes.
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
fn an_entry_about_another_needs_a_restored_parent_that_is_no_acl() {
    let options = options(|o| o.tables = names(&["t"]));
    let table = |id| entry(id, "TABLE", "t").build();
    let comment = |parents: &[i32]| entry(5, "COMMENT", "TABLE t").after(parents).build();
    for (entries, expected) in [
        (vec![table(1), comment(&[1])], true),
        (vec![entry(1, "TABLE", "u").build(), comment(&[1])], false),
        (vec![comment(&[])], false),
        (vec![comment(&[99])], false),
        // Before its parent, as after an odd list file: not decided on yet.
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
fn an_entry_holds_what_its_kind_and_its_text_say() {
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
fn a_list_chooses_and_orders() {
    let entries = archive();
    let list = ListFile::parse(b"41\n25\n20\n4\n", &entries).unwrap();
    let selection = select(&entries, &SelectOptions::default(), Some(&list)).unwrap();
    let ids: Vec<i32> = selection.wanted().map(|index| entries[index].dump_id.0).collect();
    // Not the database, without -C.
    assert_eq!(ids, [41, 25, 20]);
    let order: Vec<i32> = selection.order.iter().map(|i| entries[*i].dump_id.0).collect();
    assert_eq!(order.len(), entries.len());
    assert!(order.starts_with(&[1, 2, 3, 5, 6, 10]) && order.ends_with(&[41, 25, 20, 4]));
    // Other options still apply.
    let options = options(|o| o.schema_only = true);
    let selection = select(&entries, &options, Some(&list)).unwrap();
    assert_eq!(selection.wanted().count(), 2);
}

#[test]
fn the_reason_is_told_for_each_entry_left_out() {
    let entries = archive();
    let reason = |id: i32, options: &SelectOptions| {
        let selection = select(&entries, options, None).unwrap();
        let index = entries.iter().position(|entry| entry.dump_id.0 == id).unwrap();
        assert!(!selection.want(index).any());
        selection.reason(index).map(ToString::to_string).unwrap_or_default()
    };
    for (id, options, expected) in [
        (4, options(|_| ()), "restored only with -C/--create"),
        (1, options(|_| ()), ""),
        (22, options(|o| o.no_acl = true), "excluded by -x/--no-privileges"),
        (40, options(|o| o.schema_only = true), "excluded by -s/--schema-only"),
        (40, options(|o| o.no_data = true), "excluded by --no-data"),
        (20, options(|o| o.data_only = true), "excluded by -a/--data-only"),
        (20, options(|o| o.statistics_only = true), "excluded by --statistics-only"),
        (46, options(|o| o.data_only = true), "excluded by -a/--data-only"),
        (
            60,
            options(|o| o.sections = vec![RestoreSection::Data]),
            "not in a section chosen by --section",
        ),
        (10, options(|o| o.schemas = names(&["public"])), "not in a schema chosen by -n"),
        (25, options(|o| o.exclude_schemas = names(&["archive"])), "in a schema excluded by -N"),
        (12, options(|o| o.tables = names(&["x"])), "not selected by -t"),
        (
            12,
            options(|o| (o.tables, o.triggers) = (names(&["x"]), names(&["y"]))),
            "not selected by -t, -T",
        ),
        (21, options(|o| o.tables = names(&["recent"])), "its object is not restored"),
    ] {
        assert_eq!(reason(id, &options), expected, "{id} {options:?}");
    }
    let list = ListFile::parse(b"20\n", &entries).unwrap();
    let selection = select(&entries, &SelectOptions::default(), Some(&list)).unwrap();
    assert!(selection.unwanted().any(|(_, reason)| *reason == Unwanted::NotListed));
    let lone = [entry(1, "TABLE", "t").defn("").build()];
    let selection = select(&lone, &SelectOptions::default(), None).unwrap();
    assert_eq!(selection.reason(0), Some(&Unwanted::Empty));
}

#[test]
fn names_that_match_nothing_are_an_error_only_when_names_are_strict() {
    let entries = archive();
    let mut options = options(|o| {
        o.schemas = names(&["public", "pulbic"]);
        o.tables = names(&["orders", "oders"]);
        o.indexes = names(&["orders"]);
        o.functions = names(&["f"]);
        o.triggers = names(&["audit"]);
    });
    let selection = select(&entries, &options, None).unwrap();
    assert_eq!(selection.missing().len(), 5);
    options.strict_names = true;
    assert_eq!(
        select(&entries, &options, None).unwrap_err().to_string(),
        "schema \"pulbic\" not found, table \"oders\" not found, index \"orders\" not found, \
         function \"f\" not found, trigger \"audit\" not found"
    );
}

#[test]
fn strict_names_look_only_at_what_other_options_leave() {
    let entries = archive();
    let strict = |change: fn(&mut SelectOptions)| {
        let mut options = options(change);
        options.strict_names = true;
        select(&entries, &options, None).is_ok()
    };
    assert!(strict(|o| o.tables = names(&["orders"])));
    // Found, though none of it is then restored.
    assert!(strict(|o| (o.tables, o.data_only) = (names(&["recent"]), true)));
    // Elsewhere: in another schema, in another section.
    assert!(!strict(|o| (o.tables, o.schemas) = (names(&["recent"]), names(&["archive"]))));
    assert!(!strict(|o| {
        (o.tables, o.sections) = (names(&["recent"]), vec![RestoreSection::PostData]);
    }));
    // Names to exclude need not exist.
    assert!(strict(|o| o.exclude_schemas = names(&["nowhere"])));
}

#[test]
fn statistics_bear_the_name_of_what_they_describe() {
    let entries = [
        entry(1, "TABLE", "t").build(),
        entry(2, "INDEX", "i").section(Section::PreData).build(),
        entry(3, "STATISTICS DATA", "t").after(&[1]).build(),
        entry(4, "STATISTICS DATA", "i").after(&[2]).build(),
    ];
    let mut options = options(|o| {
        (o.tables, o.indexes) = (names(&["t"]), names(&["i"]));
        (o.sections, o.strict_names) = (vec![RestoreSection::Data], true);
    });
    assert_eq!(wanted(&entries, &options), [3, 4]);
    options.no_statistics = true;
    assert!(select(&entries, &options, None).is_err());
}

#[test]
fn contradicting_options_choose_nothing() {
    let options = options(|o| (o.data_only, o.schema_only) = (true, true));
    let error = select(&archive(), &options, None).unwrap_err();
    assert_eq!(
        error,
        SelectError::Usage(UsageError { first: Flag::SchemaOnly, second: Flag::DataOnly })
    );
}

#[test]
fn a_restore_without_any_definition_is_one_of_data_alone() {
    let entries = archive();
    let of = |options: &SelectOptions, list: Option<&ListFile>| {
        let selection = select(&entries, options, list).unwrap();
        (selection.dump_schema(), selection.is_implied_no_schema())
    };
    let list = ListFile::parse(b"40\n", &entries).unwrap();
    let default = SelectOptions::default();
    assert_eq!(of(&default, None), (true, false));
    assert_eq!(of(&default, Some(&list)), (false, true));
    assert_eq!(of(&options(|o| o.data_only = true), None), (false, false));
    // With -C, the database is a definition.
    assert_eq!(of(&options(|o| o.create_db = true), Some(&list)), (true, false));
}

proptest! {
    #[test]
    fn any_list_gives_an_order_with_each_entry_once(list in "([0-9]{1,2}\n){0,30}") {
        let entries = archive();
        let Ok(list) = ListFile::parse(list.as_bytes(), &entries) else { return Ok(()) };
        let selection = select(&entries, &SelectOptions::default(), Some(&list)).unwrap();
        let mut order = selection.order.clone();
        order.sort_unstable();
        prop_assert!(order.into_iter().eq(0..entries.len()));
    }

    #[test]
    fn an_entry_is_wanted_or_a_setting_or_has_a_reason(options in any_options()) {
        let entries = archive();
        let Ok(selection) = select(&entries, &options, None) else { return Ok(()) };
        for index in 0..entries.len() {
            let want = selection.want(index);
            let states = [want.any(), want.special, selection.reason(index).is_some()];
            prop_assert_eq!(states.iter().filter(|state| **state).count(), 1, "{}", index);
        }
    }

    #[test]
    fn what_is_excluded_is_never_wanted(options in any_options()) {
        let entries = archive();
        let Ok(selection) = select(&entries, &options, None) else { return Ok(()) };
        for (entry, want) in entries.iter().zip(&selection.wants) {
            let follows = matches!(entry.desc, Desc::Acl | Desc::Comment | Desc::SecurityLabel);
            let in_excluded = entry
                .namespace
                .as_ref()
                .is_some_and(|namespace| options.exclude_schemas.contains(namespace));
            prop_assert!(!(want.any() && !follows && in_excluded), "{}", entry.label());
            let is_database = matches!(entry.desc, Desc::Database | Desc::DatabaseProperties);
            if !is_database {
                prop_assert!(!want.schema || options.dump_schema());
                prop_assert!(!want.data || options.dump_data());
                prop_assert!(!want.stats || options.dump_statistics());
            }
        }
    }
}

fn any_options() -> impl Strategy<Value = SelectOptions> {
    crate::select::testing::options(&["orders", "summary"], &["public", "archive"])
}
