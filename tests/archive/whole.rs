//! Archives as pg_dump wrote them.

use std::collections::BTreeMap;

use nocturne::source::{self, Access, Input};
use nocturne::verify::Count;

use crate::fixtures::{self, verified};

#[test]
fn every_archive_opens_and_agrees_with_pg_restore() {
    let mut listings = 0;
    for fixture in fixtures::all() {
        let archive = source::open(&Input::Path(fixture.path.clone())).unwrap();
        let Some(listing) = fixture.listing() else { continue };
        listings += 1;
        let header = &archive.toc.header;
        let said = |key: &str| {
            let start = format!(";     {key}: ");
            let line = listing.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_else(|| panic!("{}: no {key}", fixture.name)).to_owned()
        };
        let name = &fixture.name;
        assert_eq!(header.dbname, said("dbname"), "{name}");
        assert_eq!(archive.toc.entries.len().to_string(), said("TOC Entries"), "{name}");
        assert_eq!(format!("1.{}-0", header.version.minor), said("Dump Version"), "{name}");
        assert_eq!(header.remote_version, said("Dumped from database version"), "{name}");
        assert_eq!(header.dump_version, said("Dumped by pg_dump version"), "{name}");
        // A directory inside a tar counts as a tar here; pg_restore was given the directory.
        if !name.contains("directory-gzip-wrapped") {
            assert_eq!(archive.format.name(), said("Format"), "{name}");
        }
        for line in listing.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
            let fields: Vec<&str> = line.splitn(4, [';', ' ']).collect();
            let [id, "", table_oid, rest] = fields[..] else { panic!("{name}: {line}") };
            let id = nocturne::archive::DumpId(id.parse().unwrap());
            let entry = archive.toc.get(id).unwrap_or_else(|| panic!("{name}: no entry {id}"));
            assert_eq!(entry.table_oid.to_string(), table_oid, "{name}: {line}");
            let kind = format!("{} {} ", entry.oid, entry.desc);
            assert!(rest.starts_with(&kind), "{name}: {line}");
        }
    }
    assert!(listings > 35, "{listings} listings");
}

#[test]
fn every_archive_is_intact() {
    let mut streams = 0;
    for fixture in fixtures::all() {
        let archive = source::open(&Input::Path(fixture.path.clone())).unwrap();
        streams += usize::from(matches!(archive.access, Access::Stream(_)));
        let report = verified(&fixture.path).unwrap();
        assert!(report.is_intact(), "{}: {report}", fixture.name);
        assert!(report.digests().compare(&report.digests(), false).is_empty());
        assert_eq!(report.entries.len(), report.digests().iter().count() - 1, "{}", fixture.name);
    }
    assert!(streams >= 5, "{streams} streams");
}

#[test]
fn same_database_yields_same_rows_in_every_format() {
    let mut groups: BTreeMap<(String, String), Vec<(String, BTreeMap<_, _>)>> = BTreeMap::new();
    for fixture in fixtures::all() {
        let report = verified(&fixture.path).unwrap();
        let rows: BTreeMap<_, _> = report
            .entries
            .iter()
            .filter(|entry| !matches!(entry.count, Some(Count::Statements(_))))
            .map(|entry| {
                let key = (entry.kind.clone(), entry.schema.clone(), entry.name.clone());
                (key, (entry.count.map(Count::number), entry.digest))
            })
            .collect();
        let database = fixture.name.split('-').next().unwrap().to_owned();
        // Other databases: a demo, another encoding, different rows in partition roots.
        let other = ["demo", "utf8", "scalingo"].iter().any(|word| fixture.name.contains(word));
        if !other && !rows.is_empty() {
            let server = fixture.pg_dump.split('.').next().unwrap().to_owned();
            groups.entry((database, server)).or_default().push((fixture.name, rows));
        }
    }
    let mut compared = 0;
    for group in groups.values() {
        let (first, rows) = &group[0];
        for (name, others) in &group[1..] {
            let both = rows.iter().filter(|(key, _)| others.contains_key(*key));
            for (key, found) in both {
                assert_eq!(Some(found), others.get(key), "{first} and {name}: {key:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared} tables compared");
}
