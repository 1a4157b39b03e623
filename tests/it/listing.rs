//! `nocturne list` writes what `pg_restore -l` writes, and each program reads the other's list.
//!
//! The only intended differences: names are UTF-8 whatever the archive's encoding, the time of
//! the dump has no time zone, because the archive does not store it, and the compression is named
//! as in PostgreSQL 16 and later.

use std::collections::HashSet;
use std::path::Path;

use crate::common::{
    Fixture, assert_same_database, cluster, fixtures, fixtures_where, nocturne, versions,
};

/// The lines that follow the header of a listing.
const BELOW_HEADER: &str = "; Selected TOC Entries:\n;\n";

fn list(fixture: &Fixture, options: &[&str]) -> String {
    let listed = nocturne().arg("list").args(options).arg(&fixture.path).succeed();
    // A name that matches nothing is reported.
    let told = listed.stderr();
    assert!(told.lines().all(|line| line.ends_with(" not found")), "{listed}");
    String::from_utf8(listed.stdout_bytes().to_vec()).unwrap()
}

fn list_of_pg_restore(fixture: &Fixture, archive: &Path, options: &[&str]) -> String {
    let listed = fixture.pg_restore().arg("-l").args(options).arg(archive).succeed();
    decoded(fixture, listed.stdout_bytes())
}

/// What pg_restore writes in the archive's encoding, as a string.
fn decoded(fixture: &Fixture, bytes: &[u8]) -> String {
    if fixture.is_latin1() {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    }
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn body(listing: &str) -> &str {
    let start = listing.find(BELOW_HEADER).expect("a listing has a header");
    &listing[start..]
}

fn ids(listing: &str) -> Vec<i32> {
    let lines = listing.lines().filter(|line| !line.starts_with(';'));
    lines.map(|line| line.split(';').next().unwrap().parse().unwrap()).collect()
}

#[track_caller]
fn assert_same_lines(ours: &str, theirs: &str, what: &str) {
    for (number, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
        assert_eq!(ours, theirs, "{what}: line {}", number + 1);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count(), "{what}: number of lines");
    // Line ends and whatever else `lines` hides.
    assert!(ours == theirs, "{what}: the lines are equal, the bytes are not");
}

#[test]
fn every_fixture_lists_like_its_own_pg_restore() {
    for fixture in fixtures() {
        let stored = decoded(&fixture, &fixture.stored_listing());
        assert_same_lines(body(&list(&fixture, &[])), body(&stored), &fixture.name);
    }
}

#[test]
fn header_matches_pg_restore() {
    for fixture in fixtures() {
        let stored = decoded(&fixture, &fixture.stored_listing());
        let ours = list(&fixture, &[]);
        let (ours, theirs) = (ours.lines(), stored.lines());
        for (ours, theirs) in ours.zip(theirs).take_while(|(line, _)| !line.contains("Selected")) {
            // A number: -1, the default, 0 or a level.
            let named = fixture.major < 16 && theirs.contains("Compression: ");
            // Inside a tar, whatever was wrapped.
            let unpacked = fixture.is_wrapped() && theirs.ends_with("Format: DIRECTORY");
            if !named && !unpacked {
                assert_eq!(ours, theirs, "{}", fixture.name);
            }
        }
    }
}

#[test]
fn selection_lists_like_pg_restore() {
    let choices: &[&[&str]] = &[
        &["-v"],
        &["-n", "public"],
        &["-n", "every"],
        &["-N", "public", "-N", "every"],
        &["-t", "answers"],
        &["-v", "-t", "answers"],
        &["-n", "every", "-t", "parent", "-t", "plain"],
        &["-I", "answers_pkey"],
        &["--section", "pre-data"],
        &["--section", "data"],
        &["--section", "post-data"],
        &["--section", "data", "--section", "post-data"],
        &["-a"],
        &["-s"],
        &["-C"],
        &["-x", "--no-comments"],
        &["--no-publications", "--no-subscriptions", "--no-security-labels"],
    ];
    let since_18: &[&[&str]] = &[
        &["--no-data"],
        &["--no-schema"],
        &["--no-policies"],
        &["--statistics-only"],
        &["--no-statistics"],
    ];
    let mut different = HashSet::new();
    for fixture in fixtures() {
        let folder = tempfile::tempdir().unwrap();
        let archive = fixture.for_pg_restore(folder.path());
        let whole = list(&fixture, &[]);
        let since_18 = since_18.iter().filter(|_| fixture.major >= 18);
        for options in choices.iter().chain(since_18) {
            let (ours, theirs) =
                (list(&fixture, options), list_of_pg_restore(&fixture, &archive, options));
            assert_same_lines(body(&ours), body(&theirs), &format!("{} {options:?}", fixture.name));
            if ours != whole {
                different.insert(*options);
            }
        }
    }
    // A choice that changes nothing in any fixture would test nothing.
    let all = choices.iter().chain(since_18.iter().filter(|_| versions().contains(&18)));
    let idle: Vec<_> = all
        .filter(|options| !different.contains(**options))
        // There is no label provider to create one with.
        .filter(|options| versions().len() == 4 || options[0] == "-v")
        .collect();
    assert!(idle.is_empty(), "no effect in any fixture: {idle:?}");
}

#[test]
fn restore_with_list_is_the_same_command() {
    for fixture in fixtures_where(|fixture| fixture.name.starts_with("warehouse-")) {
        for letter in ["-l", "--list"] {
            let listed = nocturne()
                .args(["restore", letter, "-t", "answers", "--section=data"])
                .arg(&fixture.path)
                .succeed();
            assert_eq!(
                listed.stdout(),
                list(&fixture, &["-t", "answers", "--section=data"]),
                "{}",
                fixture.name
            );
        }
    }
}

#[test]
fn listing_goes_to_the_named_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.list");
    for fixture in fixtures().iter().take(1) {
        let listed = nocturne().args(["list", "-f"]).arg(&path).arg(&fixture.path).succeed();
        assert_eq!(listed.stdout(), "");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), list(fixture, &[]));
        let dash = list(fixture, &["-f", "-"]);
        assert_eq!(dash, list(fixture, &[]));
    }
}

#[test]
fn json_listing_has_the_same_entries() {
    for fixture in fixtures() {
        for options in [&[][..], &["--section", "data"], &["-v", "-s"]] {
            let json = list(&fixture, &[options, &["--format", "json"]].concat());
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            let entries = json["entries"].as_array().unwrap();
            let found: Vec<i32> = entries
                .iter()
                .map(|entry| i32::try_from(entry["dump_id"].as_i64().unwrap()).unwrap())
                .collect();
            let text = list(&fixture, options);
            assert_eq!(found, ids(&text), "{} {options:?}", fixture.name);
            // The names match those of the lines.
            let lines = text.lines().filter(|line| !line.starts_with(';'));
            for (entry, line) in entries.iter().zip(lines) {
                let name = entry["name"].as_str().unwrap().replace(['\n', '\r'], " ");
                let desc = entry["desc"].as_str().unwrap();
                assert!(line.contains(&format!(" {desc} ")) && line.contains(&name), "{line}");
            }
        }
    }
}

/// Scripts written with a list file, which need no server; they show selection and order.
fn scripts_with_list(fixture: &Fixture, archive: &Path, list: &str) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.list");
    std::fs::write(&path, list).unwrap();
    let options = ["-f", "-", "--restrict-key", "key", "-L", path.to_str().unwrap()];
    let ours = nocturne().arg("restore").args(options).arg(archive).succeed();
    let theirs = fixture.pg_restore().args(options).arg(archive).succeed();
    // pg_restore accepts our list files, and vice versa.
    assert_eq!(theirs.stderr(), "", "{}", fixture.name);
    assert!(!ours.stderr().contains("warning"), "{}: {ours}", fixture.name);
    (ours.stdout_bytes().to_vec(), theirs.stdout_bytes().to_vec())
}

/// The entries' lines in another order, the same in every run.
fn shuffled(mut lines: Vec<&str>, seed: u64) -> Vec<&str> {
    let mut state = seed;
    for place in (1..lines.len()).rev() {
        // Knuth's MMIX generator; its high bits are good enough to shuffle with.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        lines.swap(place, usize::try_from(state >> 33).unwrap() % (place + 1));
    }
    lines
}

/// Every archive of the two large schemas that both programs can read with random access.
fn large() -> Vec<Fixture> {
    fixtures_where(|fixture| {
        let large = ["every-", "warehouse-", "latin1-"];
        !fixture.is_wrapped() && large.iter().any(|name| fixture.name.starts_with(name))
    })
}

#[test]
fn each_program_accepts_the_others_list() {
    for fixture in large() {
        let (ours, theirs) =
            (list(&fixture, &["-v"]), list_of_pg_restore(&fixture, &fixture.path, &["-v"]));
        for list in [ours, theirs] {
            let (ours, theirs) = scripts_with_list(&fixture, &fixture.path, &list);
            assert_same_script(&ours, &theirs, &fixture);
        }
    }
}

#[test]
fn edited_list_selects_and_orders_like_pg_restore() {
    // pg_restore cannot seek back in a tar.
    let fixtures = large().into_iter().filter(|fixture| !fixture.name.contains("-tar-"));
    for (number, fixture) in fixtures.enumerate() {
        let fixture = &fixture;
        let whole = list(fixture, &[]);
        let lines: Vec<&str> = body(&whole).lines().collect();
        let moved = shuffled(lines.clone(), 42 + number as u64).join("\n");
        let third: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(number, line)| match number % 3 {
                0 => format!(";{line}"),
                1 => (*line).to_owned(),
                _ => format!("  {} ; only the number counts\r", line.split(';').next().unwrap()),
            })
            .collect();
        for edited in [moved, third.join("\n") + "\n"] {
            let (ours, theirs) = scripts_with_list(fixture, &fixture.path, &edited);
            assert_same_script(&ours, &theirs, fixture);
        }
    }
}

#[track_caller]
fn assert_same_script(ours: &[u8], theirs: &[u8], fixture: &Fixture) {
    let (ours, theirs) = (
        crate::common::script::comparable(ours, fixture.major),
        crate::common::script::comparable(theirs, fixture.major),
    );
    crate::common::script::assert_same(&ours, &theirs, &format!("{} with a list", fixture.name));
}

#[test]
fn edited_list_restores_same_database_as_pg_restore() {
    let fixture = fixtures_where(|fixture| {
        fixture.major == crate::common::versions::newest()
            && fixture.name.starts_with("every-")
            && fixture.name.ends_with("-custom-gzip.dump")
    });
    let fixture = fixture.first().unwrap();
    let cluster = cluster(fixture.major);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.list");
    // Without comments and privileges, with tables in the opposite order, without a third of the
    // rows: whatever needs an excluded entry fails in both.
    let whole = list(fixture, &[]);
    let mut kept: Vec<&str> = body(&whole)
        .lines()
        .filter(|line| !line.contains(" COMMENT ") && !line.contains(" ACL "))
        .enumerate()
        .filter(|(number, line)| !(line.contains(" TABLE DATA ") && number % 3 == 0))
        .map(|(_, line)| line)
        .collect();
    let rows: Vec<usize> =
        (0..kept.len()).filter(|place| kept[*place].contains(" TABLE DATA ")).collect();
    for (first, last) in rows.iter().zip(rows.iter().rev()).take(rows.len() / 2) {
        kept.swap(*first, *last);
    }
    std::fs::write(&path, kept.join("\n")).unwrap();
    let option = ["-L", path.to_str().unwrap()];
    let (expected, actual) = (cluster.fresh_db("expected"), cluster.fresh_db("actual"));
    let theirs = expected.pg_restore(&fixture.path, &option);
    let ours =
        nocturne().args(["restore", "-d", &actual.url()]).args(option).arg(&fixture.path).run();
    assert_eq!(ours.code(), theirs.code(), "{ours}");
    // Keys whose rows are excluded: pg_restore adds none of them, nocturne leaves them NOT VALID.
    let keys = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I;', conrelid::regclass, conname) \
                FROM pg_constraint \
                WHERE contype = 'f' AND NOT convalidated AND conparentid = 0 ORDER BY 1";
    let theirs = expected.query(keys);
    for key in actual.query(keys).lines().filter(|key| !theirs.lines().any(|line| line == *key)) {
        actual.execute(key);
    }
    assert_same_database(&actual, &expected);
}
