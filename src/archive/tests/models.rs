//! Random archives for tests, to be written by [`super::writer`].

use proptest::prelude::*;

use super::entry::bare;
use super::writer::{Content, Model};
use crate::archive::entry::{Desc, DumpId, Entry, Section};
use crate::archive::header::Compression;

const CODECS: [Compression; 4] =
    [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd];

/// Text without NUL, which the reader refuses; often `None`, and often empty.
fn optional_text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), Just(Some(String::new())), "[^\0]{1,12}".prop_map(Some)]
}

fn entry() -> impl Strategy<Value = Entry> {
    let texts = (
        "[^\0]{0,12}",
        "[^\0]{0,40}",
        "[^\0]{0,20}",
        optional_text(),
        optional_text(),
        optional_text(),
        optional_text(),
    );
    let numbers = (any::<u32>(), any::<u32>(), any::<bool>(), any::<u8>(), 0..3usize);
    let dependencies = prop::collection::vec((1..9999i32).prop_map(DumpId), 0..4);
    (texts, numbers, dependencies).prop_map(|(texts, numbers, dependencies)| {
        let (tag, defn, drop_stmt, namespace, tablespace, table_am, owner) = texts;
        let (table_oid, oid, with_oids, relkind, kind) = numbers;
        // Kinds whose section the reader must derive in archives before 1.11.
        let (desc, section) = match kind {
            0 => (Desc::Table, Section::PreData),
            1 => (Desc::Index, Section::PostData),
            _ => (Desc::Comment, Section::None),
        };
        Entry {
            table_oid,
            oid,
            tag,
            section,
            defn,
            drop_stmt,
            namespace,
            tablespace,
            table_am,
            relkind,
            owner,
            with_oids,
            dependencies,
            ..bare(0, desc)
        }
    })
}

/// A table's data: rows that compress a little, and their end marker.
fn rows() -> impl Strategy<Value = Content> {
    prop::collection::vec("[a-z]{1,3}\t[^\0\n\\\\]{0,30}", 0..60).prop_map(|rows| {
        let mut text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        text.push_str("\\.\n\n\n");
        Content::Rows(text.into_bytes())
    })
}

fn large_objects() -> impl Strategy<Value = Vec<(u32, Vec<u8>)>> {
    let content = prop::collection::vec(any::<u8>(), 0..300);
    prop::collection::btree_map(1..u32::MAX, content, 1..4)
        .prop_map(|map| map.into_iter().collect())
}

prop_compose! {
    pub(super) fn model()(
        minor in 10..=16u8,
        int_size in prop::sample::select(vec![4u8, 8]),
        offset_size in prop::sample::select(vec![4u8, 8]),
        compression in prop::sample::select(CODECS.to_vec()),
        dbname in optional_text(),
        plain in prop::collection::vec(entry(), 0..5),
        tables in prop::collection::vec((entry(), rows()), 0..4),
        objects in prop::option::of((entry(), entry(), large_objects())),
    ) -> Model {
        let mut entries: Vec<(Entry, Content)> =
            plain.into_iter().map(|entry| (entry, Content::None)).collect();
        entries.extend(tables.into_iter().map(|(entry, rows)| {
            let copy_stmt = "COPY public.t (a, b) FROM stdin;\n".to_owned();
            (Entry { desc: Desc::TableData, section: Section::Data, copy_stmt, ..entry }, rows)
        }));
        // Before 1.15 there was only gzip.
        let compression = match compression {
            Compression::Lz4 | Compression::Zstd if minor < 15 => Compression::Gzip,
            other => other,
        };
        if let Some((metadata, blobs, objects)) = objects {
            let mut dependencies = Vec::new();
            if minor >= 16 {
                dependencies.push(DumpId(entries.len() as i32 + 1));
                let defn = objects.iter().map(|(oid, _)| format!("{oid}\n")).collect();
                let desc = Desc::BlobMetadata;
                entries.push((Entry { desc, defn, section: Section::Data, ..metadata }, Content::None));
            }
            let blobs =
                Entry { desc: Desc::Blobs, section: Section::Data, dependencies, ..blobs };
            entries.push((blobs, Content::LargeObjects(objects)));
        }
        for (number, (entry, _)) in (1..).zip(&mut entries) {
            entry.dump_id = DumpId(number);
        }
        Model { minor, int_size, offset_size, compression, dbname, entries }
    }
}
