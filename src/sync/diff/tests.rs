//! Pictures of the fixtures and of hand-made archives, compared.

use std::collections::HashMap;
use std::path::Path;

use super::*;
use crate::archive::tests::entry::entry;
use crate::archive::tests::writer;
use crate::archive::{Desc, Entry, Toc};
use crate::restore::{ForeignKeys, RestoreOptions};
use crate::select::{SelectOptions, select};
use crate::source::{Input, open};
use crate::statements::{Ownership, Style};
use crate::sync::picture::settings;

fn picture_of(toc: &Toc, select_options: &SelectOptions, options: &RestoreOptions) -> Picture {
    let selection = select(&toc.entries, select_options, None).unwrap();
    Picture::of(toc, &selection, options)
}

fn picture(toc: &Toc) -> Picture {
    picture_of(toc, &SelectOptions::default(), &RestoreOptions::default())
}

/// An archive of these entries.
fn toc(entries: &[Entry]) -> Toc {
    let mut toc = writer::toc(entries, "17.2");
    for entry in &mut toc.entries {
        entry.had_dumper = matches!(entry.desc, Desc::TableData | Desc::Blobs);
    }
    toc
}

fn changes(then: &[Entry], now: &[Entry]) -> Changes {
    diff(&picture(&toc(then)).entries, &picture(&toc(now)))
}

/// A small database.
fn entries() -> Vec<Entry> {
    vec![
        entry(1, "TABLE", "users").defn("CREATE TABLE users (id int);\n").build(),
        entry(2, "COMMENT", "TABLE users").defn("COMMENT ON …\n").after(&[1]).build(),
        entry(3, "TABLE DATA", "users").after(&[1]).build(),
        entry(4, "SEQUENCE", "users_id_seq").defn("CREATE SEQUENCE …\n").build(),
        entry(5, "SEQUENCE SET", "users_id_seq").defn("SELECT setval(7)\n").after(&[4]).build(),
        entry(6, "BLOB METADATA", "16400..16402").defn("16400\n16402\n").build(),
        entry(7, "BLOBS", "16400..16402").after(&[6]).build(),
        entry(8, "INDEX", "users_id").defn("CREATE INDEX …\n").after(&[1]).build(),
        entry(9, "STATISTICS DATA", "users").defn("SELECT …\n").after(&[1]).build(),
    ]
}

#[test]
fn dumps_of_one_database_have_no_differences() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let mut dumps: HashMap<(String, String), Vec<String>> = HashMap::new();
    for line in manifest.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (name, command) = (fields[0], fields[2]);
        // They change what is dumped.
        let others = ["-only", "insert", "root", "--statistics", "--encoding"];
        if !others.iter().any(|option| command.contains(option)) && !name.contains("scalingo") {
            let mut parts = name.split('-');
            let key = [parts.next(), parts.next()].map(|part| part.unwrap().to_owned());
            dumps.entry(key.into()).or_default().push(name.to_owned());
        }
    }
    let mut compared = 0;
    for names in dumps.values() {
        let read = |name: &String| picture(&open(&Input::Path(folder.join(name))).unwrap().toc);
        let first = read(&names[0]);
        assert!(!first.entries.is_empty() || names[0].starts_with("empty"));
        for name in &names[1..] {
            let changes = diff(&first.entries, &read(name));
            assert_eq!(changes, Changes::default(), "{} and {name}", names[0]);
            compared += 1;
        }
    }
    assert!(compared > 8, "{compared} pairs");
}

#[test]
fn new_object_that_shifts_all_numbers_is_the_only_difference() {
    let mut now = vec![entry(1, "DOMAIN", "email").build()];
    now.extend(entries().into_iter().map(|mut entry| {
        entry.dump_id.0 += 1;
        entry.oid += 1000;
        entry.dependencies.iter_mut().for_each(|id| id.0 += 1);
        entry
    }));
    now.reverse();
    let changes = changes(&entries(), &now);
    assert_eq!(changes.definitions, ["DOMAIN public.email (new)"]);
    assert!(!changes.large_objects);
}

#[test]
fn each_difference_names_its_entry() {
    let mut now = entries();
    now[0].defn = "CREATE TABLE users (id bigint);\n".to_owned();
    now[1].tag = "TABLE others".to_owned();
    now.remove(7);
    let mut expected = [
        "TABLE public.users (changed)",
        "COMMENT public.TABLE others (new)",
        "COMMENT public.TABLE users (dropped)",
        "INDEX public.users_id (dropped)",
    ];
    let mut found = changes(&entries(), &now).definitions;
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn value_changes_definitions_only_if_new_or_dropped() {
    let mut now = entries();
    now[4].defn = "SELECT setval(8)\n".to_owned();
    now[8].defn = "SELECT another\n".to_owned();
    assert_eq!(changes(&entries(), &now), Changes::default());
    now.pop();
    assert_eq!(changes(&entries(), &now), Changes::default());
    now.remove(4);
    now.remove(2);
    assert_eq!(
        changes(&entries(), &now).definitions,
        ["SEQUENCE SET public.users_id_seq (dropped)", "TABLE DATA public.users (dropped)"]
    );
}

#[test]
fn large_objects_are_not_definitions() {
    let mut now = entries();
    now[5].defn = "16400\n".to_owned();
    let more = Changes { large_objects: true, ..Changes::default() };
    assert_eq!(changes(&entries(), &now), more);
    let mut now = entries();
    now.drain(5..7);
    assert_eq!(changes(&entries(), &now), more);
    let mut now = entries();
    now.push(entry(10, "COMMENT", "LARGE OBJECT 16400").schema(None).build());
    assert_eq!(changes(&entries(), &now), more);
}

#[test]
fn entries_of_one_name_may_change_places() {
    let operator = |id, defn: &str| entry(id, "OPERATOR", "+").defn(defn).build();
    let then = [operator(1, "(a, a)"), operator(2, "(b, b)")];
    assert_eq!(changes(&then, &[operator(1, "(b, b)"), operator(2, "(a, a)")]), Changes::default());
    let gone = ["OPERATOR public.+ (dropped)"];
    assert_eq!(changes(&then, &[operator(1, "(a, a)")]).definitions, gone);
}

#[test]
fn options_decide_what_counts() {
    let mut then = entries();
    then.push(entry(10, "FK CONSTRAINT", "users users_fk").after(&[1]).build());
    then.push(entry(11, "COMMENT", "CONSTRAINT users_fk").after(&[10]).build());
    let mut now = entries();
    now[0].owner = Some("bob".to_owned());
    now[0].tablespace = Some("fast".to_owned());
    now[0].table_am = Some("columnar".to_owned());
    let style = Style {
        ownership: Ownership::Ignore,
        no_tablespaces: true,
        no_table_access_method: true,
        ..Style::default()
    };
    let foreign_keys = ForeignKeys::None;
    let options = RestoreOptions { style, foreign_keys, ..RestoreOptions::default() };
    let of =
        |entries: &[Entry], options| picture_of(&toc(entries), &SelectOptions::default(), options);
    let (old, new) = (of(&then, &options), of(&now, &options));
    assert_eq!(diff(&old.entries, &new), Changes::default());
    let default = RestoreOptions::default();
    let changes = diff(&of(&then, &default).entries, &of(&now, &default));
    assert_eq!(changes.definitions.len(), 3, "{changes:?}");
}

#[test]
fn narrower_selection_drops_entries() {
    let toc = toc(&entries());
    let schema_only = SelectOptions { schema_only: true, ..SelectOptions::default() };
    let narrow = picture_of(&toc, &schema_only, &RestoreOptions::default());
    let changes = diff(&picture(&toc).entries, &narrow);
    assert!(changes.definitions.contains(&"TABLE DATA public.users (dropped)".to_owned()));
}

#[test]
fn settings_name_what_decides_about_definitions() {
    let toc = toc(&entries());
    let default = RestoreOptions::default();
    let then = settings(&toc, &default, "owner", 170_002);
    assert_eq!(then, settings(&toc, &default, "owner", 170_009));
    let foreign_keys = ForeignKeys::NotValid;
    let set = vec!["default_toast_compression=lz4".parse().unwrap()];
    let options = RestoreOptions { foreign_keys, settings: set, ..default };
    let now = settings(&toc, &options, "other", 180_000);
    assert_eq!(
        crate::restore::journal::differences(&then, &now),
        [
            "--foreign-keys was validated, is now not-valid",
            "--set differs",
            "the role that restores was owner, is now other",
            "the server's major version was 17, is now 18",
        ]
    );
}
