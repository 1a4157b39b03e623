//! Tests of whole selections: order, reasons, missing names.

use proptest::prelude::*;

use super::*;
use crate::archive::tests::entry::entry;
use crate::archive::{Desc, Place, placed};
use crate::select::tests::sample::{archive, names, options, wanted};
use crate::select::{Flag, RestoreSection};

#[test]
fn everything_but_the_database_is_selected_by_default() {
    let entries = archive();
    let selection = select(&entries, &SelectOptions::default(), None).unwrap();
    for (place, entry) in placed(&entries) {
        let is_setting = matches!(entry.desc, Desc::Encoding | Desc::StdStrings | Desc::SearchPath);
        let is_database = (4..=6).contains(&entry.dump_id.0);
        assert_eq!(selection.want(place).special, is_setting, "{}", entry.label());
        assert_eq!(selection.want(place).any(), !is_setting && !is_database, "{}", entry.label());
        assert_eq!(selection.reason(place).is_some(), is_database, "{}", entry.label());
    }
    assert!(selection.order.iter().copied().eq((0..entries.len()).map(Place)));
}

#[test]
fn list_selects_and_orders() {
    let entries = archive();
    let list = ListFile::parse(b"41\n25\n20\n4\n", &entries).unwrap();
    let selection = select(&entries, &SelectOptions::default(), Some(&list)).unwrap();
    let ids: Vec<i32> = selection.wanted().map(|place| entries[place.0].dump_id.0).collect();
    // Not the database, without -C.
    assert_eq!(ids, [41, 25, 20]);
    let order: Vec<i32> = selection.order.iter().map(|i| entries[i.0].dump_id.0).collect();
    assert_eq!(order.len(), entries.len());
    assert!(order.starts_with(&[1, 2, 3, 5, 6, 10]) && order.ends_with(&[41, 25, 20, 4]));
    // Other options still apply.
    let options = options(|o| o.schema_only = true);
    let selection = select(&entries, &options, Some(&list)).unwrap();
    assert_eq!(selection.wanted().count(), 2);
}

#[test]
fn reason_is_given_for_each_excluded_entry() {
    let entries = archive();
    let reason = |id: i32, options: &SelectOptions| {
        let selection = select(&entries, options, None).unwrap();
        let (place, _) = placed(&entries).find(|(_, entry)| entry.dump_id.0 == id).unwrap();
        assert!(!selection.want(place).any());
        selection.reason(place).map(ToString::to_string).unwrap_or_default()
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
    assert_eq!(selection.reason(Place(0)), Some(&Unwanted::Empty));
}

#[test]
fn unmatched_names_are_errors_only_when_strict() {
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
fn strict_names_apply_after_the_other_options() {
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
fn statistics_are_named_after_what_they_describe() {
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
    // One parent of the right name is enough, wherever it stands among them.
    let several = [
        entry(1, "TABLE", "t").build(),
        entry(2, "TABLE", "other").build(),
        entry(3, "STATISTICS DATA", "t").after(&[1, 2]).build(),
    ];
    (options.no_statistics, options.strict_names) = (false, false);
    assert_eq!(wanted(&several, &options), [3]);
}

#[test]
fn contradictory_options_select_nothing() {
    let options = options(|o| (o.data_only, o.schema_only) = (true, true));
    let error = select(&archive(), &options, None).unwrap_err();
    assert_eq!(
        error,
        SelectError::Usage(UsageError { first: Flag::SchemaOnly, second: Flag::DataOnly })
    );
}

#[test]
fn restore_without_any_definition_is_data_only() {
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
    fn any_list_orders_each_entry_once(list in "([0-9]{1,2}\n){0,30}") {
        let entries = archive();
        let Ok(list) = ListFile::parse(list.as_bytes(), &entries) else { return Ok(()) };
        let selection = select(&entries, &SelectOptions::default(), Some(&list)).unwrap();
        let mut order = selection.order.clone();
        order.sort_unstable();
        prop_assert!(order.into_iter().eq((0..entries.len()).map(Place)));
    }

    #[test]
    fn entry_is_wanted_or_setting_or_has_reason(options in any_options()) {
        let entries = archive();
        let Ok(selection) = select(&entries, &options, None) else { return Ok(()) };
        for place in (0..entries.len()).map(Place) {
            let want = selection.want(place);
            let states = [want.any(), want.special, selection.reason(place).is_some()];
            prop_assert_eq!(states.iter().filter(|state| **state).count(), 1, "{:?}", place);
        }
    }

    #[test]
    fn excluded_entries_are_never_wanted(options in any_options()) {
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
                prop_assert!(!want.stats || options.without_statistics().is_none());
            }
        }
    }
}

fn any_options() -> impl Strategy<Value = SelectOptions> {
    crate::select::tests::options(&["orders", "summary"], &["public", "archive"])
}
