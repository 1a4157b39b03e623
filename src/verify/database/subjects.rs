//! The parts of an archive that can be compared with a database: tables, large objects, sequences,
//! materialized views.

use std::collections::{HashMap, HashSet};

use crate::archive::entry::LOAD_VIA_PARTITION_ROOT;
use crate::archive::{Desc, DumpId, Entry, Place, Toc};
use crate::rows::{CopyStatement, table_name};
use crate::select::Selection;
use crate::sql::ident::qualified;

/// The parts of an archive to compare.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    /// Tables with their rows, in the archive's order.
    pub(super) tables: Vec<ComparedTable>,
    /// Positions in `tables`.
    by_name: HashMap<DigestedRows, usize>,
    /// Entries that hold large objects.
    pub(super) large_objects: Vec<DumpId>,
    /// Positions of the entries that set a sequence.
    pub(super) sequences: Vec<Place>,
    /// Positions of the entries that populate a materialized view.
    pub(super) views: Vec<Place>,
}

/// A table into which the archive loads rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ComparedTable {
    /// The schema, empty in archives that set a search path instead.
    pub(super) schema: String,
    /// The name.
    pub(super) name: String,
    /// The columns of COPY, in field order. `None` for INSERT statements, and if the partitions
    /// loaded through one root have different column orders.
    pub(super) columns: Option<Vec<String>>,
    /// The entries with its rows: one, one per part, or one per partition loaded through its root.
    pub(super) entries: Vec<DumpId>,
    /// Whether this is a partition root; rows of partitions with separate entries are not included.
    pub(super) is_root: bool,
    /// Whether some of the entries that load rows into this table are not selected.
    pub(super) is_partial: bool,
}

impl ComparedTable {
    /// The name in SQL.
    pub(super) fn sql(&self) -> String {
        qualified(Some(&self.schema), &self.name)
    }
}

impl Subjects {
    /// Collects the selected entries.
    pub(super) fn new(toc: &Toc, selection: &Selection) -> Self {
        let mut subjects = Self::default();
        let mut places: Vec<Place> = selection.wanted().collect();
        places.sort_unstable();
        for place in places {
            let entry = toc.at(place);
            let data = selection.want(place).data;
            match entry.desc {
                Desc::TableData if data => subjects.add_table(entry, toc),
                Desc::Blobs if data => subjects.large_objects.push(entry.dump_id),
                Desc::SequenceSet if data => subjects.sequences.push(place),
                // A statement that populates it; its rows are not in the archive.
                Desc::MaterializedViewData => subjects.views.push(place),
                _ => {}
            }
        }
        let data = toc.entries.iter().filter(|entry| entry.desc == Desc::TableData);
        let mut all: HashMap<DigestedRows, usize> = HashMap::new();
        data.for_each(|entry| *all.entry(DigestedRows::by(entry, toc)).or_default() += 1);
        for (loaded, at) in &subjects.by_name {
            let table = &mut subjects.tables[*at];
            table.is_partial = all.get(loaded).is_some_and(|all| *all > table.entries.len());
        }
        subjects
    }

    fn add_table(&mut self, entry: &Entry, toc: &Toc) {
        let copy = CopyStatement::parse(&entry.copy_stmt);
        let columns = copy.map(|copy| copy.columns);
        let loaded = DigestedRows::by(entry, toc);
        match self.by_name.get(&loaded) {
            Some(at) => {
                let table = &mut self.tables[*at];
                table.entries.push(entry.dump_id);
                table.columns =
                    table.columns.take().filter(|first| columns.as_ref() == Some(first));
            }
            None => {
                self.by_name.insert(loaded.clone(), self.tables.len());
                let DigestedRows { schema, name, is_root } = loaded;
                let entries = vec![entry.dump_id];
                let table =
                    ComparedTable { schema, name, columns, entries, is_root, is_partial: false };
                self.tables.push(table);
            }
        }
    }

    /// The entries whose data must be read.
    pub(super) fn with_data(&self) -> HashSet<DumpId> {
        let tables = self.tables.iter().flat_map(|table| &table.entries);
        tables.chain(&self.large_objects).copied().collect()
    }

    /// Whether some of the archive's data is not selected.
    pub(super) fn is_partial(&self, toc: &Toc) -> bool {
        let wanted = self.with_data();
        toc.entries.iter().any(|entry| entry.had_dumper && !wanted.contains(&entry.dump_id))
    }
}

/// The table that an entry's rows are loaded into.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct DigestedRows {
    schema: String,
    name: String,
    /// Whether the entry is a partition and this is its root.
    is_root: bool,
}

impl DigestedRows {
    fn by(entry: &Entry, toc: &Toc) -> Self {
        let own = || Name(entry.namespace.clone().unwrap_or_default(), entry.tag.clone());
        let root = root(entry, toc);
        let is_root = root.is_some();
        let Name(schema, name) = root.unwrap_or_else(own);
        Self { schema, name, is_root }
    }
}

/// A schema and a name.
struct Name(String, String);

/// The partition root that the rows of an entry are loaded through, if any. The COPY statement
/// names it; newer archives also have a comment ([`Entry::is_load_via_partition_root`]).
fn root(entry: &Entry, toc: &Toc) -> Option<Name> {
    if !entry.is_load_via_partition_root() {
        return None;
    }
    let (schema, name) = match CopyStatement::parse(&entry.copy_stmt) {
        Some(copy) => table_name(copy.table)?,
        None => {
            let comment = entry.defn.strip_prefix(LOAD_VIA_PARTITION_ROOT)?;
            let (schema, name) = table_name(comment.trim_end_matches('\n'))?;
            return Some(as_listed(schema.unwrap_or_default(), name, toc));
        }
    };
    Some(Name(schema.or_else(|| entry.namespace.clone()).unwrap_or_default(), name))
}

/// The table named in a comment, where line breaks are spaces (`sanitize_line` in
/// `src/bin/pg_dump/dumputils.c`).
fn as_listed(schema: String, name: String, toc: &Toc) -> Name {
    let is_same = |listed: &str, said: &str| {
        let same = |(own, shown)| own == shown || (shown == b' ' && matches!(own, b'\n' | b'\r'));
        listed.len() == said.len() && listed.bytes().zip(said.bytes()).all(same)
    };
    if !schema.contains(' ') && !name.contains(' ') {
        return Name(schema, name);
    }
    let mut tables = toc.entries.iter().filter(|entry| entry.desc == Desc::Table);
    let listed = tables.find_map(|table| {
        let own = table.namespace.as_deref().unwrap_or_default();
        let is_meant = is_same(own, &schema) && is_same(&table.tag, &name);
        is_meant.then(|| Name(own.to_owned(), table.tag.clone()))
    });
    listed.unwrap_or(Name(schema, name))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::archive::Section;
    use crate::archive::tests::entry::bare;
    use crate::archive::tests::writer::{Content, Custom, Model};
    use crate::select::{SelectOptions, select};
    use crate::source::{self, Input};

    fn rows(id: i32, name: &str, copy: &str, defn: &str) -> (Entry, Content) {
        let mut rows = bare(id, Desc::TableData);
        rows.section = Section::Data;
        rows.namespace = Some("app".to_owned());
        rows.tag = name.to_owned();
        rows.copy_stmt = copy.to_owned();
        rows.defn = defn.to_owned();
        (rows, Content::Rows(b"\\.\n\n\n".to_vec()))
    }

    fn subjects(entries: Vec<(Entry, Content)>, options: &SelectOptions) -> Subjects {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let custom = Custom { offsets: true, chunk: 100 };
        file.write_all(&Model::of(entries).custom(custom)).unwrap();
        let toc = source::open(&Input::Path(file.path().to_owned())).unwrap().toc;
        let selection = select(&toc.entries, options, None).unwrap();
        Subjects::new(&toc, &selection)
    }

    fn partitions() -> Vec<(Entry, Content)> {
        vec![
            rows(1, "plain", "COPY app.plain (b, a) FROM stdin;\n", ""),
            rows(
                2,
                "one",
                "COPY app.\"Ro.ot\" (a, b) FROM stdin;\n",
                "-- load via partition root app.\"Ro.ot\"\n",
            ),
            // The form of older archives.
            rows(3, "two", "COPY app.\"Ro.ot\" (a, b) FROM stdin;\n", ""),
        ]
    }

    #[test]
    fn partitions_loaded_through_root_are_one_table() {
        let found = subjects(partitions(), &SelectOptions::default());
        let [plain, root] = &found.tables[..] else { panic!("{found:?}") };
        assert_eq!((plain.sql(), plain.is_root), ("app.plain".to_owned(), false));
        assert_eq!(plain.columns.as_deref(), Some(&["b".to_owned(), "a".to_owned()][..]));
        assert_eq!((root.sql(), root.is_root), ("app.\"Ro.ot\"".to_owned(), true));
        assert_eq!(root.entries, [DumpId(2), DumpId(3)]);
        assert!(!root.is_partial && root.columns.is_some());
    }

    #[test]
    fn root_with_unselected_partition_is_partial() {
        let options = SelectOptions { tables: vec!["one".to_owned()], ..SelectOptions::default() };
        let found = subjects(partitions(), &options);
        let [root] = &found.tables[..] else { panic!("{found:?}") };
        assert!(root.is_partial);
        assert_eq!(found.with_data(), HashSet::from([DumpId(2)]));
    }

    #[test]
    fn rows_in_several_entries_are_one_table() {
        let part = |id| rows(id, "t", "COPY app.t (a) FROM stdin;\n", "");
        let found = subjects(vec![part(1), part(2)], &SelectOptions::default());
        let [table] = &found.tables[..] else { panic!("{found:?}") };
        assert_eq!(table.entries, [DumpId(1), DumpId(2)]);
        assert!(!table.is_partial && !table.is_root);
    }

    #[test]
    fn different_column_orders_are_not_compared_as_text() {
        let mut entries = partitions();
        entries.push(rows(4, "three", "COPY app.\"Ro.ot\" (b, a) FROM stdin;\n", ""));
        assert_eq!(subjects(entries, &SelectOptions::default()).tables[1].columns, None);
    }
}
