//! Archives written by real pg_dumps.

use std::collections::HashSet;

use nocturne::archive::{Data, ReadCounter};
use nocturne::rows::CopyText;
use nocturne::source::{self, Access, Input};

use super::loader::Loader;
use crate::common::{cluster, for_each_version};

/// Loads every table of an archive in both formats.
#[test]
fn tables_of_every_archive_match_in_both_formats() {
    for_each_version(|cluster| {
        let folder = cluster::repository().join("fixtures");
        let (mut taken, mut without_codec) = (0, Vec::new());
        let mut seen = HashSet::new();
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // One archive per format is enough; wrapped ones add nothing.
            if !name.contains(&format!("-pg{}-", cluster.major))
                || [".list", ".gz", ".tar"].iter().any(|suffix| name.ends_with(suffix))
                || ["data-only", "schema-only", "latin1-"].iter().any(|part| name.contains(part))
            {
                continue;
            }
            let archive = source::open(&Input::Path(path.clone())).unwrap();
            assert!(archive.toc.encoding.is_utf8(), "{name}");
            let Access::Random(access) = archive.access else { panic!("{name} is a stream") };
            let loader = Loader::new(cluster.fresh_db("archive"));
            // Some objects need what a test server lacks, such as a role.
            let args = ["--section=pre-data", "--no-owner", "--no-privileges"];
            loader.db.pg_restore(&path, &args);
            for entry in archive.toc.entries.iter().filter(|entry| !entry.copy_stmt.is_empty()) {
                let Data::Rows(reader) = access.open(entry, ReadCounter::default()).unwrap() else {
                    continue;
                };
                let mut reader = CopyText::new(reader);
                let mut rows = Vec::new();
                while let Some(piece) = reader.next_piece().unwrap() {
                    rows.extend_from_slice(&piece);
                }
                // The same tables in several formats.
                if !seen.insert((entry.copy_stmt.clone(), rows.clone())) {
                    continue;
                }
                let what = format!("{name}, {}", entry.label());
                match loader.table_agrees(&what, &entry.copy_stmt, &rows) {
                    true => taken += 1,
                    false => without_codec.push(what),
                }
            }
        }
        println!("{taken} tables, {} without a codec: {without_codec:#?}", without_codec.len());
        assert!(taken > 20, "only {taken} tables were loaded in both formats");
    });
}
