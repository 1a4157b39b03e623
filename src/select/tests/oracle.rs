//! Compares decisions with those of a real pg_restore 18.
//!
//! Random entries are written as a small archive (TOC only), and random options are passed to
//! `pg_restore -l` and to [`select`]: both must list the same lines, or both must refuse.

use std::path::PathBuf;
use std::process::{Command, Output};

use proptest::prelude::*;

use crate::archive::tests::entry::entry;
use crate::archive::tests::writer::{Content, Custom, Model};
use crate::archive::{Desc, Entry, Section};
use crate::select::listing::Listing;
use crate::select::tests::options;
use crate::select::{
    FilterError, FilterErrorKind, FilterFile, ListFile, SelectError, SelectOptions, select,
};

#[rustfmt::skip]
const DESCS: &[&str] = &[
    "ACCESS METHOD", "ACL", "ACL", "ACL LANGUAGE", "AGGREGATE", "BLOB", "BLOB COMMENTS",
    "BLOB METADATA", "BLOBS", "COMMENT", "COMMENT", "COMMENT", "CONSTRAINT", "DATABASE",
    "DATABASE PROPERTIES", "DEFAULT ACL", "EVENT TRIGGER", "EXTENSION", "FOREIGN TABLE",
    "FUNCTION", "HYPERCUBE", "INDEX", "INDEX", "<Init>", "MATERIALIZED VIEW",
    "MATERIALIZED VIEW DATA", "POLICY", "PROCEDURE", "PUBLICATION", "PUBLICATION TABLE",
    "PUBLICATION TABLES IN SCHEMA", "ROW SECURITY", "SCHEMA", "SECURITY LABEL", "SECURITY LABEL",
    "SEQUENCE", "SEQUENCE SET", "STATISTICS DATA", "STATISTICS DATA", "STATISTICS DATA",
    "SUBSCRIPTION", "SUBSCRIPTION TABLE", "TABLE", "TABLE", "TABLE", "TABLE DATA", "TABLE DATA",
    "TRIGGER", "TYPE", "VIEW",
];
const NAMES: &[&str] = &["a", "b", "c d"];
#[rustfmt::skip]
const TAGS: &[&str] = &[
    "a", "b", "c d", "a", "b", "c d", "DATABASE a", "DATABASES", "POLICY a", "PUBLICATION a",
    "SUBSCRIPTION a", "LARGE OBJECT 1", "LARGE OBJECTS 1..2", "EVENT TRIGGER a", "Max OID",
    "TABLE a", "two\nlines\r\n",
];
const SCHEMAS: &[&str] = &["public", "s", ""];
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "a", "B", " ", "  ", "\t", ".", ",", "(", ")", "\"", "\"", "\"x y\"", "\n", "\r\n", "#", "\\",
    "\\n", "é", "include", "table", "\nexclude schema z\n",
];
const DEFNS: &[&str] = &["", "SELECT 1;", "SELECT 1;", "-- load via partition root x"];

prop_compose! {
    fn any_entry()(
        desc in prop::sample::select(DESCS),
        tag in prop::sample::select(TAGS),
        section in prop::sample::select(
            &[Section::None, Section::None, Section::PreData, Section::Data, Section::PostData][..]
        ),
        schema in prop::option::weighted(0.8, prop::sample::select(SCHEMAS)),
        defn in prop::sample::select(DEFNS),
        had_dumper in prop::bool::weighted(0.3),
        owner in prop::option::of(Just("al\nice")),
        parents in prop::collection::vec(1..50_i32, 0..4),
    ) -> Entry {
        entry(1, desc, tag)
            .section(section)
            .schema(schema)
            .defn(defn)
            .had_dumper(had_dumper)
            .owner(owner)
            .after(&parents)
            .build()
    }
}

/// Entries with unique dump IDs, in random order.
fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
    let ids = Just((1..50).collect::<Vec<i32>>()).prop_shuffle();
    (prop::collection::vec(any_entry(), 1..40), ids).prop_map(|(mut entries, ids)| {
        for (entry, id) in entries.iter_mut().zip(ids) {
            entry.dump_id.0 = id;
        }
        // pg_restore rejects an archive with rows that depend on a dump ID above all others.
        let highest = entries.iter().map(|entry| entry.dump_id).max();
        for entry in entries.iter_mut().filter(|entry| entry.desc == Desc::TableData) {
            entry.dependencies.retain(|id| Some(*id) <= highest);
        }
        entries
    })
}

/// The bytes of an archive in custom format, without rows.
fn archive(entries: &[Entry]) -> Vec<u8> {
    let content = |entry: &Entry| match entry.had_dumper {
        true => Content::Rows(Vec::new()),
        false => Content::None,
    };
    let entries = entries.iter().map(|entry| (entry.clone(), content(entry)));
    Model::of(entries.collect()).custom(Custom { offsets: false, chunk: 1 })
}

/// The command line for these options.
fn arguments(options: &SelectOptions) -> Vec<String> {
    let flags = [
        (options.data_only, "--data-only"),
        (options.schema_only, "--schema-only"),
        (options.statistics_only, "--statistics-only"),
        (options.statistics, "--statistics"),
        (options.no_data, "--no-data"),
        (options.no_schema, "--no-schema"),
        (options.no_statistics, "--no-statistics"),
        (options.create_db, "--create"),
        (options.no_acl, "--no-acl"),
        (options.no_comments, "--no-comments"),
        (options.no_policies, "--no-policies"),
        (options.no_publications, "--no-publications"),
        (options.no_security_labels, "--no-security-labels"),
        (options.no_subscriptions, "--no-subscriptions"),
        (options.strict_names, "--strict-names"),
    ];
    let lists = [
        (&options.schemas, "schema"),
        (&options.exclude_schemas, "exclude-schema"),
        (&options.tables, "table"),
        (&options.indexes, "index"),
        (&options.functions, "function"),
        (&options.triggers, "trigger"),
    ];
    let flags = flags.iter().filter(|(given, _)| *given).map(|(_, flag)| (*flag).to_owned());
    let names = lists
        .iter()
        .flat_map(|(names, option)| names.iter().map(move |name| format!("--{option}={name}")));
    let sections = options.sections.iter().map(|section| format!("--section={section}"));
    flags.chain(names).chain(sections).collect()
}

/// A directory for the files of one comparison, and the program to compare with.
struct Oracle {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Oracle {
    fn new() -> Self {
        let program = std::env::var_os("NOCTURNE_PG_RESTORE")
            .expect("NOCTURNE_PG_RESTORE must name a pg_restore of version 18");
        Self { folder: tempfile::tempdir().unwrap(), program: program.into() }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn list(&self, entries: &[Entry], arguments: &[String]) -> Output {
        let archive = self.write("archive", &archive(entries));
        Command::new(&self.program).arg("-l").args(arguments).arg(archive).output().unwrap()
    }
}

/// The lines below the header.
fn listed(output: &Output) -> &str {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.split_once("; Selected TOC Entries:\n;\n").map_or("", |(_, lines)| lines)
}

fn with_settings() -> proptest::test_runner::TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

#[test]
#[ignore = "needs NOCTURNE_PG_RESTORE, a pg_restore 18"]
fn same_entries_are_listed_as_by_pg_restore() {
    let oracle = Oracle::new();
    let list_lines = prop::option::weighted(
        0.4,
        prop::collection::vec(
            (-1..52_i32, prop::sample::select(&["", "; x", " y", "\r"][..])),
            0..30,
        ),
    );
    let strategy = (any_entries(), options(NAMES, SCHEMAS), list_lines, any::<[bool; 2]>());
    with_settings()
        .run(&strategy, |(entries, mut options, list_lines, [verbose, strict])| {
            options.strict_names = strict && verbose;
            let mut arguments = arguments(&options);
            let text: Option<String> = list_lines
                .map(|lines| lines.iter().map(|(id, rest)| format!("{id}{rest}\n")).collect());
            if let Some(text) = &text {
                arguments.push(format!("--use-list={}", oracle.write("list", text.as_bytes())));
            }
            if verbose {
                arguments.push("--verbose".to_owned());
            }
            let theirs = oracle.list(&entries, &arguments);
            let list = text.as_ref().map(|text| ListFile::parse(text.as_bytes(), &entries));
            let ours = match &list {
                Some(Err(_)) => Err(()),
                Some(Ok(list)) => select(&entries, &options, Some(list)).map_err(drop),
                None => select(&entries, &options, None).map_err(drop),
            };
            let complaint = String::from_utf8_lossy(&theirs.stderr).into_owned();
            prop_assert_eq!(
                ours.is_ok(),
                theirs.status.success(),
                "{:?}: {}",
                arguments,
                complaint
            );
            let Ok(selection) = ours else { return Ok(()) };
            let ours = Listing { entries: &entries, selection: &selection, verbose }.to_string();
            prop_assert_eq!(ours.as_str(), listed(&theirs), "{:?}", arguments);
            let ignored = list.and_then(Result::ok).map_or(0, |list| list.ignored().len());
            prop_assert_eq!(ignored, complaint.matches("line ignored").count());
            Ok(())
        })
        .unwrap();
}

#[test]
#[ignore = "needs NOCTURNE_PG_RESTORE, a pg_restore 18"]
fn filter_file_names_are_read_like_pg_restore() {
    let oracle = Oracle::new();
    // With strict names, pg_restore prints how it read a name that is not found.
    let entries = [entry(1, "TABLE", "no such name").build()];
    let text = prop::collection::vec(prop::sample::select(PIECES), 1..14);
    with_settings()
        .run(&text, |pieces| {
            let text = format!("include table {}", pieces.concat());
            // In the first case pg_restore reads past the end of its buffer; in the others it
            // counts an empty line within quotes twice.
            if text.ends_with('\\') || text.contains("\n\n") || text.contains("\n\r") {
                return Ok(());
            }
            let path = oracle.write("filter", text.as_bytes());
            let arguments = ["--strict-names".to_owned(), format!("--filter={path}")];
            let theirs = oracle.list(&entries, &arguments);
            let complaint = String::from_utf8_lossy(&theirs.stderr).into_owned();
            match FilterFile::parse(text.as_bytes()) {
                Ok(file) => {
                    let mut options = SelectOptions { strict_names: true, ..Default::default() };
                    file.apply(&mut options);
                    // pg_restore names the first missing one.
                    let error = select(&entries, &options, None).unwrap_err();
                    let SelectError::NamesNotFound(missing) = error else { panic!("{error}") };
                    let expected = format!("{}\n", missing[0]);
                    prop_assert!(complaint.ends_with(&expected), "{:?}: {}", text, complaint);
                }
                // In pg_restore, a comment is an empty name, and half a character a name.
                Err(FilterError {
                    kind: FilterErrorKind::MissingName(_) | FilterErrorKind::NotUtf8,
                    ..
                }) => {}
                Err(error) => {
                    prop_assert!(complaint.contains("invalid format in filter"), "{}", error);
                }
            }
            Ok(())
        })
        .unwrap();
}
