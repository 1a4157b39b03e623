//! Which entries are skipped, by modes and by the objects in the target.

use super::*;
use crate::archive::Place;
use crate::archive::tests::entry::{Builder, entry};
use crate::replicate::config::{Config, NightCommand};

/// Settings with this text of `BACKUP_MODE`.
fn modes(text: &str) -> Restore {
    settings(&[("BACKUP_MODE", text)])
}

fn settings(variables: &[(&str, &str)]) -> Restore {
    let known = |name: &str| match name {
        "DATABASE_URL" | "SOURCE_DATABASE_URL" => Some("postgresql://u@h/d".to_owned()),
        "BACKUP_SOURCE" => Some("backup.tar.gz".to_owned()),
        _ => variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned()),
    };
    Config::for_command(NightCommand::Run, known).unwrap().restore
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

/// The numbers of the skipped entries.
fn left(modes: &Restore, present: &Present, is_fed_here: bool) -> Vec<i32> {
    let entries = entries();
    let chosen = choose(&entries, modes, present, is_fed_here).unwrap();
    let left = (0..entries.len()).map(Place).filter(|place| !chosen.selection.want(*place).any());
    left.map(|place| entries[place.0].dump_id.0).collect()
}

#[test]
fn privileges_and_bookkeeping_schema_are_never_restored() {
    assert_eq!(left(&modes("{}"), &Present::default(), true), [13, 14, 15]);
}

#[test]
fn kept_table_is_skipped_but_its_views_are_restored() {
    let present = Present::of(&[
        ("SCHEMA", None, "learning"),
        ("TABLE", Some("public"), "answers"),
        ("TYPE", Some("public"), "answer-result"),
        // One of two functions with the same name.
        ("FUNCTION", Some("public"), "score(text, integer)"),
        ("SEQUENCE", Some("public"), "shared_seq"),
    ]);
    let left = left(&modes(r#"{"answers":"incremental"}"#), &present, true);
    assert_eq!(left, [1, 2, 4, 5, 7, 8, 9, 11, 12, 13, 14, 15]);
}

#[test]
fn absent_incremental_table_is_loaded_without_foreign_keys() {
    let modes = modes(r#"{"answers":"incremental"}"#);
    let entries = entries();
    let chosen = choose(&entries, &modes, &Present::default(), true).unwrap();
    let name = ("public".to_owned(), "answers".to_owned());
    assert_eq!(chosen.first_loads, [FirstLoad { name, dump_id: entries[4].dump_id }]);
    assert_eq!(left(&modes, &Present::default(), true), [9, 13, 14, 15]);
    // In a database that is not the target of the copy, the table is skipped.
    assert_eq!(left(&modes, &Present::default(), false), [5, 7, 8, 9, 10, 13, 14, 15]);
}

#[test]
fn conflicting_table_is_not_skipped() {
    let present = Present::of(&[("TABLE", Some("public"), "users")]);
    assert_eq!(left(&modes("{}"), &present, true), [13, 14, 15]);
}

#[test]
fn excluded_entries_exclude_their_dependents() {
    let entries: Vec<Entry> = [
        entry(1, "BLOB METADATA", "16385..16386"),
        entry(2, "BLOBS", "16385..16386").after(&[1]),
        entry(3, "COMMENT", "LARGE OBJECT 16385").after(&[1]),
        entry(4, "BLOB", "16385"),
        entry(5, "BLOBS", "BLOBS"),
        entry(6, "FUNCTION", "score(integer)"),
        entry(7, "TABLE", "users"),
        entry(8, "TRIGGER", "users scored").after(&[6, 7]),
        entry(9, "TABLE DATA", "users").after(&[7]),
        entry(10, "EVENT TRIGGER", "watcher").schema(""),
    ]
    .map(Builder::build)
    .into();
    for (patterns, expected) in [
        (r#"["BLOB*"]"#, &[1, 2, 3, 4, 5][..]),
        (r#"["FUNCTION *"]"#, &[6, 8]),
        (r#"["FUNCTION public.score(integer)", "EVENT TRIGGER watcher"]"#, &[6, 8, 10]),
        (r#"["FUNCTION public.score"]"#, &[]),
    ] {
        let settings = settings(&[("BACKUP_MODE", "{}"), ("RESTORE_EXCLUDE", patterns)]);
        let chosen = choose(&entries, &settings, &Present::default(), true).unwrap();
        let left =
            (0..entries.len()).map(Place).filter(|place| !chosen.selection.want(*place).any());
        let left: Vec<i32> = left.map(|place| entries[place.0].dump_id.0).collect();
        assert_eq!(left, expected, "{patterns}");
        let warnings = notices(&entries, &settings, &chosen);
        let warnings: Vec<_> =
            warnings.into_iter().filter(|notice| notice.is_warning).map(|n| n.text).collect();
        let goes = "TRIGGER public.users scored is not restored: it depends on FUNCTION \
                    public.score(integer), which is not restored";
        assert_eq!(warnings.iter().any(|text| text == goes), left.contains(&8), "{warnings:?}");
        assert_eq!(warnings.iter().any(|text| text.starts_with("no entry")), expected.is_empty());
    }
}

#[test]
fn partition_of_a_kept_table_is_kept_silently() {
    let entries: Vec<Entry> = [
        entry(1, "TABLE", "answers"),
        entry(2, "TABLE", "answers_2026"),
        entry(3, "TABLE ATTACH", "answers_2026").after(&[2, 1]),
    ]
    .map(Builder::build)
    .into();
    let present = Present::of(&[
        ("TABLE", Some("public"), "answers"),
        ("TABLE", Some("public"), "answers_2026"),
    ])
    .with_partition("answers_2026", "answers");
    let settings = modes(r#"{"answers":"incremental"}"#);
    let chosen = choose(&entries, &settings, &present, true).unwrap();
    let notices = notices(&entries, &settings, &chosen);
    let said: Vec<_> = notices.iter().map(|n| (n.is_warning, n.text.as_str())).collect();
    let kept = "TABLE public.answers_2026 is kept: it belongs to TABLE public.answers, which the \
                target keeps";
    assert_eq!(said, [(false, kept)]);
}

#[test]
fn strict_settings_reject_names_without_match() {
    for (variables, is_refused) in [
        (&[("BACKUP_MODE", r#"{"answer":"none"}"#)][..], true),
        (&[("BACKUP_MODE", r#"{"log_*":"none"}"#)], true),
        (&[("BACKUP_MODE", "{}"), ("RESTORE_EXCLUDE", r#"["BLOB*"]"#)], true),
        (&[("BACKUP_MODE", r#"{"answers":"none"}"#)], false),
        // The default of the old variables is not a typo.
        (&[], false),
    ] {
        let lax = settings(variables);
        let strict = settings(&[variables, &[("BACKUP_MODE_STRICT", "true")]].concat());
        assert!(check(&entries(), &lax).is_ok());
        assert_eq!(check(&entries(), &strict).is_err(), is_refused, "{variables:?}");
    }
}

#[test]
fn partitions_follow_their_table_unless_overridden() {
    let entries: Vec<Entry> = [
        entry(1, "TABLE", "events"),
        entry(2, "TABLE", "events_1").after(&[1]),
        entry(3, "TABLE", "events_2").after(&[1]),
        entry(4, "TABLE", "events_2a").after(&[3]),
        entry(5, "TABLE ATTACH", "events_1").after(&[2, 1]),
        entry(6, "TABLE ATTACH", "events_2").after(&[3, 1]),
        entry(7, "TABLE ATTACH", "events_2a").after(&[4, 3]),
        entry(8, "TABLE", "child").after(&[1]),
        entry(11, "TABLE DATA", "events_1").after(&[2]),
        entry(12, "TABLE DATA", "events_2a").after(&[4]),
        entry(13, "STATISTICS DATA", "events_2a").after(&[4]),
        entry(14, "TABLE DATA", "child").after(&[8]),
    ]
    .map(Builder::build)
    .into();
    let present: Vec<_> = ["events", "events_1", "events_2", "events_2a"]
        .map(|table| ("TABLE", Some("public"), table))
        .into();
    let everything = [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14];
    for (modes, is_there, expected) in [
        (r#"{"events":"schema-only"}"#, false, &[11, 12, 13][..]),
        (r#"{"*":"full","events":"schema-only"}"#, false, &[11, 12, 13]),
        (r#"{"events":"schema-only","events_1":"full"}"#, false, &[12, 13]),
        (r#"{"events_*":"full","events":"schema-only"}"#, false, &[]),
        (r#"{"events":"schema-only","events_2":"full"}"#, false, &[11]),
        (r#"{"events":"full","*":"schema-only"}"#, false, &[14]),
        (r#"{"events_2":"schema-only"}"#, false, &[12, 13]),
        (r#"{"events_1":"schema-only"}"#, false, &[11]),
        // Entries of a skipped or kept table are not restored without it.
        (r#"{"events":"none","events_2":"schema-only","events_1":"full"}"#, false, &everything),
        (
            r#"{"events":"incremental","events_2":"schema-only"}"#,
            true,
            &[1, 2, 3, 4, 5, 6, 7, 11, 12, 13],
        ),
        (r#"{"events":"incremental"}"#, false, &[]),
    ] {
        let settings = self::modes(modes);
        let present = if is_there { Present::of(&present) } else { Present::default() };
        let chosen = choose(&entries, &settings, &present, true).unwrap();
        let left =
            (0..entries.len()).map(Place).filter(|place| !chosen.selection.want(*place).any());
        let left: Vec<i32> = left.map(|place| entries[place.0].dump_id.0).collect();
        assert_eq!(left, expected, "{modes}");
    }
}

#[test]
fn partition_that_contradicts_its_table_is_refused() {
    let entries: Vec<Entry> = [
        entry(1, "TABLE", "events"),
        entry(2, "TABLE", "events_1").after(&[1]),
        entry(3, "TABLE ATTACH", "events_1").after(&[2, 1]),
        entry(4, "TABLE", "users"),
    ]
    .map(Builder::build)
    .into();
    for (modes, is_refused) in [
        (r#"{"events":"incremental","events_1":"none"}"#, true),
        (r#"{"events":"incremental","events_1":"schema-only"}"#, true),
        (r#"{"events":"incremental","events_*":"full"}"#, true),
        (r#"{"events":"none","events_1":"incremental"}"#, true),
        (r#"{"events_1":"incremental"}"#, true),
        (r#"{"*":"incremental","events":"full"}"#, false),
        (r#"{"events":"incremental","*":"none"}"#, false),
        (r#"{"events":"incremental","events_1":"incremental"}"#, false),
        (r#"{"events":"none","events_1":"full"}"#, false),
    ] {
        let settings = self::modes(modes);
        assert_eq!(check(&entries, &settings).is_err(), is_refused, "{modes}");
        let modes = Modes::new(&entries, &settings.tables);
        assert_eq!(modes.of("public", "events_1"), modes.mode(&entries[1]));
    }
}

#[test]
fn archive_without_tables_is_refused() {
    let entries: Vec<Entry> =
        [entry(1, "FUNCTION", "f()"), entry(2, "TABLE DATA", "events")].map(Builder::build).into();
    assert!(check(&entries, &modes("{}")).is_err());
}

#[test]
fn settings_that_exclude_every_table_are_rejected() {
    for (variables, is_refused) in [
        (&[("BACKUP_MODE", "{}"), ("RESTORE_EXCLUDE", r#"["*"]"#)][..], true),
        (&[("BACKUP_MODE", "{}"), ("RESTORE_EXCLUDE", r#"["TABLE *"]"#)], true),
        (&[("BACKUP_MODE", r#"{"*.*":"none"}"#)], true),
        (&[("BACKUP_MODE", r#"{"*.*":"schema-only"}"#)], false),
        (&[("BACKUP_MODE", r#"{"*.*":"incremental"}"#)], false),
        (&[("BACKUP_MODE", "{}"), ("RESTORE_EXCLUDE", r#"["TABLE public.users"]"#)], false),
    ] {
        let refused = check(&entries(), &settings(variables)).is_err();
        assert_eq!(refused, is_refused, "{variables:?}");
    }
}

#[test]
fn detached_partition_of_a_kept_table_is_kept() {
    let entries: Vec<Entry> = [
        entry(1, "TABLE", "events"),
        entry(2, "TABLE", "events_1"),
        entry(3, "TABLE", "events_1a"),
        entry(4, "TABLE DATA", "events_1a").after(&[3]),
        entry(5, "TABLE ATTACH", "events_1a").after(&[3, 2]),
    ]
    .map(Builder::build)
    .into();
    let tables = ["events", "events_1", "events_1a"];
    let present = Present::of(&tables.map(|table| ("TABLE", Some("public"), table)));
    let present =
        present.with_partition("events_1", "events").with_partition("events_1a", "events_1");
    let chosen = |text: &str| choose(&entries, &modes(text), &present, true).unwrap();
    let kept = chosen(r#"{"events":"incremental"}"#);
    assert!((0..entries.len()).map(Place).all(|place| !kept.selection.want(place).any()));
    assert!(kept.in_the_way.is_empty());
    // Its own partitions come with it.
    let whole = ("public".to_owned(), "events".to_owned());
    assert_eq!(kept.detached, [(entries[1].dump_id, whole)]);
    // One that is not to be restored is not reported.
    let left = chosen(r#"{"events":"incremental","events_1":"none"}"#);
    assert!(left.detached.is_empty());
    // The target's table of another role.
    let other = chosen("{}");
    assert_eq!((other.detached.len(), other.in_the_way.len()), (0, 3));
}
