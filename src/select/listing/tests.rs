//! Tests of listings.

use proptest::prelude::*;

use super::*;
use crate::archive::tests::entry::entry;
use crate::archive::{DumpId, Place};
use crate::select::{ListFile, SelectOptions, select};

#[test]
fn line_matches_pg_restore() {
    for (entry, expected) in [
        (entry(7, "TABLE", "users"), "7; 1259 16391 TABLE public users alice"),
        (entry(8, "SCHEMA", "a b"), "8; 1259 16392 SCHEMA - a b alice"),
        (entry(9, "TABLE", "a\nb\r\n;c"), "9; 1259 16393 TABLE public a b  ;c alice"),
        (entry(1, "VIEW", "v").schema("").owner(None), "1; 1259 16385 VIEW  v "),
        (entry(1, "VIEW", "v").schema("s\nt").owner("o\np"), "1; 1259 16385 VIEW s t v o p"),
        // pg_restore would let such a kind break the line.
        (entry(1, "A\nB", "v"), "1; 1259 16385 A B public v alice"),
    ] {
        assert_eq!(ListingLine(&entry.build()).to_string(), expected);
    }
}

fn archive() -> Vec<Entry> {
    vec![
        entry(1, "ENCODING", "ENCODING").build(),
        entry(5, "TABLE", "t").build(),
        entry(6, "COMMENT", "TABLE t").after(&[5]).build(),
        entry(3, "TABLE DATA", "t").after(&[5, 4]).build(),
    ]
}

#[test]
fn only_wanted_entries_are_listed_unless_verbose() {
    let entries = archive();
    let options = SelectOptions { no_comments: true, ..Default::default() };
    let selection = select(&entries, &options, None).unwrap();
    let mut listing = Listing { entries: &entries, selection: &selection, verbose: false };
    assert_eq!(
        listing.to_string(),
        "5; 1259 16389 TABLE public t alice\n3; 1259 16387 TABLE DATA public t alice\n"
    );
    listing.verbose = true;
    assert_eq!(
        listing.to_string(),
        "1; 1259 16385 ENCODING - ENCODING alice\n\
         5; 1259 16389 TABLE public t alice\n\
         6; 1259 16390 COMMENT public TABLE t alice\n;\tdepends on: 5\n\
         3; 1259 16387 TABLE DATA public t alice\n;\tdepends on: 5 4\n"
    );
}

#[test]
fn json_objects_describe_entries_fully() {
    let entries = [entry(3, "TABLE DATA", "t")
        .after(&[5, 4])
        .data(DataLocation::File("3.dat".into()))
        .build()];
    let options = SelectOptions { schema_only: true, ..Default::default() };
    let selection = select(&entries, &options, None).unwrap();
    let mut listing = Listing { entries: &entries, selection: &selection, verbose: false };
    assert_eq!(listing.objects().count(), 0);
    listing.verbose = true;
    let objects: Vec<_> = listing.objects().collect();
    assert_eq!(
        serde_json::to_value(&objects).unwrap(),
        serde_json::json!([{
            "dump_id": 3, "section": "data", "desc": "TABLE DATA", "schema": "public",
            "name": "t", "owner": "alice", "table_oid": 1259, "oid": 16387,
            "dependencies": [5, 4], "tablespace": null,
            "data": {"kind": "file", "name": "3.dat"},
            "wanted": false, "unwanted_because": "excluded by -s/--schema-only",
        }])
    );
}

#[test]
fn every_data_location_has_its_kind() {
    for (data, expected) in [
        (DataLocation::None, serde_json::json!({"kind": "none"})),
        (DataLocation::Offset(12), serde_json::json!({"kind": "offset", "offset": 12})),
        (DataLocation::OffsetNotSet, serde_json::json!({"kind": "offset_not_set"})),
    ] {
        let entries = [entry(1, "TABLE DATA", "t").data(data).build()];
        let selection = select(&entries, &SelectOptions::default(), None).unwrap();
        let object = EntryObject::new(&entries[0], &selection, Place(0));
        let object = serde_json::to_value(object).unwrap();
        assert_eq!(object["data"], expected);
        assert_eq!(object["wanted"], true);
        assert!(object.get("unwanted_because").is_none());
    }
}

proptest! {
    #[test]
    fn rereading_a_listing_selects_same_entries_in_order(
        tags in prop::collection::vec(".*", 1..12),
        seed: u64,
    ) {
        let entries: Vec<Entry> = tags
            .iter()
            .enumerate()
            .map(|(index, tag)| {
                // Numbers in no order.
                let id = i32::try_from((index as u64 * 7 + seed % 5) % 89 + 1).unwrap();
                entry(id, "TABLE", tag).after(&[1, 2]).build()
            })
            .collect();
        let options = SelectOptions::default();
        let first = select(&entries, &options, None).unwrap();
        let mut chosen: Vec<Place> = first.wanted().collect();
        chosen.rotate_left(seed as usize % tags.len());
        chosen.truncate(1 + seed as usize % 9);
        let ids: Vec<DumpId> = chosen.iter().map(|place| entries[place.0].dump_id).collect();
        let text: String =
            chosen.iter().map(|place| format!("{}\n", ListingLine(&entries[place.0]))).collect();

        let list = ListFile::parse(text.as_bytes(), &entries).unwrap();
        prop_assert_eq!(list.ids(), &ids[..]);
        prop_assert!(list.ignored().is_empty());

        let second = select(&entries, &options, Some(&list)).unwrap();
        prop_assert_eq!(second.wanted().collect::<Vec<_>>(), chosen);
        for verbose in [false, true] {
            let listing = Listing { entries: &entries, selection: &second, verbose };
            let again = ListFile::parse(listing.to_string().as_bytes(), &entries).unwrap();
            prop_assert!(again.ids().ends_with(&ids));
            prop_assert!(verbose || again.ids().len() == ids.len());
        }
    }
}
