//! What is left out, by modes and by what is in the target.

use super::*;
use crate::replicate::config::{Command, Config};
use crate::select::testing::{Builder, entry};

/// The modes that a text of `BACKUP_MODE` means.
fn modes(text: &str) -> TableModes {
    let known = |name: &str| match name {
        "BACKUP_MODE" => Some(text.to_owned()),
        "DATABASE_URL" => Some("postgresql://u@h/d".to_owned()),
        _ => None,
    };
    Config::for_command(Command::DropObjects, known).unwrap().restore.tables
}

fn entries() -> Vec<Entry> {
    [
        entry(1, "SCHEMA", "learning"),
        entry(2, "TYPE", "answer-result"),
        entry(3, "FUNCTION", "score(integer)"),
        entry(4, "FUNCTION", "score(text, integer)"),
        entry(5, "TABLE", "answers").after(&[2]),
        entry(6, "TABLE", "users"),
        entry(7, "TABLE DATA", "answers").after(&[5]),
        entry(8, "CONSTRAINT", "answers answers_pkey").after(&[5]),
        entry(9, "FK CONSTRAINT", "answers answers_user").after(&[5, 6]),
        entry(10, "VIEW", "scores").after(&[5]),
        entry(11, "SEQUENCE", "shared_seq"),
        entry(12, "SEQUENCE SET", "shared_seq").after(&[11]),
        entry(13, "ACL", "TABLE users").after(&[6]),
        entry(14, "TABLE", "runs").schema("nocturne"),
        entry(15, "SECURITY LABEL", "TABLE users").after(&[6]),
    ]
    .map(Builder::build)
    .into()
}

/// The numbers of the entries that are left out.
fn left(modes: &TableModes, present: &Present, is_fed_here: bool) -> Vec<i32> {
    let entries = entries();
    let chosen = choose(&entries, modes, present, is_fed_here).unwrap();
    let left = (0..entries.len()).filter(|place| !chosen.selection.want(*place).any());
    left.map(|place| entries[place].dump_id.0).collect()
}

#[test]
fn privileges_and_nocturne_s_own_schema_are_never_restored() {
    assert_eq!(left(&modes("{}"), &Present::default(), true), [13, 14, 15]);
}

#[test]
fn a_kept_table_and_what_it_needs_are_left_out_and_the_views_over_it_are_not() {
    let present = Present::of(&[
        ("SCHEMA", None, "learning"),
        ("TABLE", Some("public"), "answers"),
        ("TYPE", Some("public"), "answer-result"),
        // Of two functions of one name, this one.
        ("FUNCTION", Some("public"), "score(text, integer)"),
        ("SEQUENCE", Some("public"), "shared_seq"),
    ]);
    let left = left(&modes(r#"{"answers":"incremental"}"#), &present, true);
    assert_eq!(left, [1, 2, 4, 5, 7, 8, 9, 11, 12, 13, 14, 15]);
}

#[test]
fn an_incremental_table_that_is_not_there_is_loaded_once_without_foreign_keys() {
    let modes = modes(r#"{"answers":"incremental"}"#);
    let entries = entries();
    let chosen = choose(&entries, &modes, &Present::default(), true).unwrap();
    let name = ("public".to_owned(), "answers".to_owned());
    assert_eq!(chosen.first_loads, [FirstLoad { name, dump_id: entries[4].dump_id }]);
    assert_eq!(left(&modes, &Present::default(), true), [9, 13, 14, 15]);
    // In another database than the one that it is copied to, it has no business.
    assert_eq!(left(&modes, &Present::default(), false), [5, 7, 8, 9, 10, 13, 14, 15]);
}

#[test]
fn a_table_that_is_in_the_way_is_not_passed_over() {
    let present = Present::of(&[("TABLE", Some("public"), "users")]);
    assert_eq!(left(&modes("{}"), &present, true), [13, 14, 15]);
}
