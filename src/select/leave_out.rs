//! Excludes tables, with everything that belongs to them and everything that depends on them.
//!
//! This uses the archive's dependencies and dump IDs, not names: an index belongs to a table
//! because the archive says so. pg_restore has no such selection.

use std::collections::{HashMap, HashSet};

use super::partitions::wholes;
use super::selection::Selection;
use super::unwanted::Unwanted;
use super::want::Want;
use crate::archive::{Desc, DumpId, Entry, Place, placed};

/// How a table is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It is missing in the target: neither it, nor what belongs to it, nor what depends on it
    /// (views, functions over its row type, foreign keys to it) is restored.
    Absent,
    /// The target already has it: it and what belongs to it are not restored, nor any foreign key
    /// from or to it. What depends on it (views) is.
    Kept,
    /// It is restored without rows. Foreign keys to it are not.
    WithoutRows,
    /// It is restored with its rows, but without any foreign key from or to it: more rows are added
    /// later.
    WithoutForeignKeys,
}

impl Leave {
    /// Whether it excludes a table that the other mode restores.
    fn is_more_than(self, other: Self) -> bool {
        let is_restored = |leave| matches!(leave, Self::WithoutRows | Self::WithoutForeignKeys);
        is_restored(other) && !is_restored(self)
    }
}

impl Selection {
    /// Excludes tables, including foreign and partitioned ones. `how` is called for every table of
    /// the archive. The mode of a partitioned table also applies to its partitions, unless `how`
    /// returns a stronger one for a partition; but rows are only excluded from partitions for which
    /// `how` says so.
    pub fn leave_out(&mut self, entries: &[Entry], how: impl Fn(&Entry) -> Option<Leave>) {
        let how = |entry: &Entry| if is_table(entry) { how(entry) } else { None };
        self.leave(entries, &LeftOut::find(entries, how));
    }

    /// Excludes entries of any kind, with everything that depends on them.
    pub fn exclude(&mut self, entries: &[Entry], is_excluded: impl Fn(&Entry) -> bool) {
        let how = |entry: &Entry| is_excluded(entry).then_some(Leave::Absent);
        self.leave(entries, &LeftOut::find(entries, how));
    }

    fn leave(&mut self, entries: &[Entry], left: &LeftOut) {
        for (place, entry) in placed(entries) {
            let Some(reason) = left.reason(entries, entry) else { continue };
            if self.wants[place.0].any() {
                self.wants[place.0] = Want::default();
                self.reasons[place.0] = Some(reason);
            }
        }
    }

    /// Excludes what the target already has, such as types and functions of tables that it keeps,
    /// and the constraints of domains that are entries of their own. `is_there` is called for every
    /// entry.
    pub fn leave_out_present(&mut self, entries: &[Entry], is_there: impl Fn(&Entry) -> bool) {
        let mut domains = HashSet::new();
        for (place, entry) in placed(entries) {
            if self.wants[place.0].any() && is_there(entry) {
                self.wants[place.0] = Want::default();
                self.reasons[place.0] = Some(Unwanted::Present);
                domains.extend((entry.desc == Desc::Domain).then_some(entry.dump_id));
            }
        }
        for (place, entry) in placed(entries) {
            // One that is NOT VALID (`dumpConstraint` in `pg_dump.c`).
            let is_of_domain =
                entry.desc == Desc::CheckConstraint && entry.defn.starts_with("ALTER DOMAIN ");
            if is_of_domain
                && self.wants[place.0].any()
                && entry.dependencies.iter().any(|id| domains.contains(id))
            {
                self.wants[place.0] = Want::default();
                self.reasons[place.0] = Some(Unwanted::ParentUnwanted);
            }
        }
    }
}

/// The excluded entries by dump ID, each with the entry that excludes it: a table, unless entries
/// of other kinds are excluded.
struct LeftOut(HashMap<DumpId, (Leave, Place)>);

impl LeftOut {
    fn find(entries: &[Entry], how: impl Fn(&Entry) -> Option<Leave>) -> Self {
        let places: HashMap<DumpId, Place> =
            placed(entries).map(|(place, entry)| (entry.dump_id, place)).collect();
        let mut behind: HashMap<DumpId, Vec<Place>> = HashMap::new();
        for (place, entry) in placed(entries) {
            for id in &entry.dependencies {
                behind.entry(*id).or_default().push(place);
            }
        }
        let keys_and_comments = keys_and_comments(entries);
        let mut parts: HashMap<DumpId, Vec<DumpId>> = HashMap::new();
        for (part, whole) in wholes(entries) {
            parts.entry(whole).or_default().push(part);
        }
        let mut left: HashMap<DumpId, (Leave, Place)> = HashMap::new();
        let mut next = Vec::new();
        for (place, entry) in placed(entries) {
            if let Some(leave) = how(entry) {
                left.insert(entry.dump_id, (leave, place));
                next.push(entry.dump_id);
            }
        }
        while let Some(id) = next.pop() {
            let Some(&(leave, table)) = left.get(&id) else { continue };
            let mut goes_too = Vec::new();
            for &place in behind.get(&id).into_iter().flatten() {
                let entry = &entries[place];
                let is_about_key = keys_and_comments[place.0];
                let goes = match leave {
                    Leave::Absent => true,
                    Leave::Kept => is_own(&entry.desc),
                    Leave::WithoutRows => needs_rows(&entry.desc) || is_about_key,
                    Leave::WithoutForeignKeys => is_about_key,
                };
                if !goes {
                    continue;
                }
                goes_too.push(entry.dump_id);
                // A sequence does not depend on the table that owns it: the entry that records the
                // owner links them.
                if entry.desc == Desc::SequenceOwnedBy && leave != Leave::WithoutRows {
                    let of = entry.dependencies.iter().filter_map(|id| places.get(id));
                    let sequence = of.map(|place| &entries[*place]).find(|other| {
                        other.desc == Desc::Sequence
                            && other.tag == entry.tag
                            && other.namespace == entry.namespace
                    });
                    goes_too.extend(sequence.map(|entry| entry.dump_id));
                }
            }
            // Which partitions get no rows is decided by their own rules.
            if leave != Leave::WithoutRows {
                goes_too.extend(parts.get(&id).into_iter().flatten());
            }
            for id in goes_too {
                if left.get(&id).is_none_or(|(other, _)| leave.is_more_than(*other)) {
                    left.insert(id, (leave, table));
                    next.push(id);
                }
            }
        }
        Self(left)
    }

    fn reason(&self, entries: &[Entry], entry: &Entry) -> Option<Unwanted> {
        let (leave, table) = *self.0.get(&entry.dump_id)?;
        let itself = entry.dump_id == entries[table].dump_id;
        match leave {
            // The definition stays.
            Leave::WithoutRows | Leave::WithoutForeignKeys if is_table(entry) => None,
            _ if itself => Some(Unwanted::LeftOut(leave)),
            _ => Some(Unwanted::WithTable(entries[table].label(), leave)),
        }
    }
}

/// Whether each entry is a foreign key, or a comment on one.
pub(crate) fn keys_and_comments(entries: &[Entry]) -> Vec<bool> {
    let is_key = |entry: &Entry| entry.desc == Desc::FkConstraint;
    let keys: HashSet<DumpId> =
        entries.iter().filter(|entry| is_key(entry)).map(|entry| entry.dump_id).collect();
    let is_about_key = |entry: &Entry| {
        entry.desc == Desc::Comment && entry.dependencies.iter().any(|id| keys.contains(id))
    };
    entries.iter().map(|entry| is_key(entry) || is_about_key(entry)).collect()
}

fn is_table(entry: &Entry) -> bool {
    matches!(entry.desc, Desc::Table | Desc::ForeignTable)
}

/// Kinds that are part of a table, or connect it to others.
fn is_own(desc: &Desc) -> bool {
    matches!(
        desc,
        Desc::TableData
            | Desc::Default
            | Desc::Constraint
            | Desc::CheckConstraint
            | Desc::FkConstraint
            | Desc::Index
            | Desc::IndexAttach
            | Desc::TableAttach
            | Desc::Trigger
            | Desc::Rule
            | Desc::Policy
            | Desc::RowSecurity
            | Desc::Comment
            | Desc::Acl
            | Desc::SecurityLabel
            | Desc::Sequence
            | Desc::SequenceOwnedBy
            | Desc::SequenceSet
            | Desc::Statistics
            | Desc::StatisticsData
            | Desc::PublicationTable
    )
}

/// Kinds that are meaningless without the table's rows.
fn needs_rows(desc: &Desc) -> bool {
    matches!(desc, Desc::TableData | Desc::StatisticsData)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::{Builder, entry};
    use crate::select::{SelectOptions, select};

    /// Two tables with everything that a table can have, and what depends on them.
    fn entries() -> Vec<Entry> {
        [
            entry(1, "TABLE", "answers"),
            entry(2, "SEQUENCE", "answers_id_seq"),
            entry(3, "SEQUENCE OWNED BY", "answers_id_seq").after(&[1, 2]),
            entry(4, "DEFAULT", "answers id").after(&[1, 2]),
            // Names that misled text filters.
            entry(5, "TABLE", "element-answers"),
            entry(6, "TABLE DATA", "answers").after(&[1]),
            entry(7, "TABLE DATA", "element-answers").after(&[5]),
            entry(8, "SEQUENCE SET", "answers_id_seq").after(&[2]),
            entry(9, "CONSTRAINT", "answers answers_pkey").after(&[1, 1]),
            entry(10, "INDEX", "anything").after(&[1]),
            entry(11, "INDEX", "answers_like").after(&[5]),
            entry(12, "FK CONSTRAINT", "element-answers to_answers").after(&[5, 9, 1]),
            entry(13, "FK CONSTRAINT", "answers to_other").after(&[1, 5]),
            entry(14, "VIEW", "students").after(&[1]),
            entry(15, "VIEW", "over_students").after(&[14]),
            entry(16, "COMMENT", "TABLE answers").after(&[1]),
            entry(17, "COMMENT", "VIEW students").after(&[14]),
            entry(18, "COMMENT", "TABLE \"element-answers\"").after(&[5]),
            entry(19, "COMMENT", "CONSTRAINT to_answers ON \"element-answers\"").after(&[12]),
            entry(20, "RULE", "answers also").after(&[1]),
        ]
        .map(Builder::build)
        .into()
    }

    fn left(leave: Leave) -> Vec<i32> {
        let entries = entries();
        let mut selection = select(&entries, &SelectOptions::default(), None).unwrap();
        selection.leave_out(&entries, |table| (table.tag == "answers").then_some(leave));
        let left = (0..entries.len()).map(Place).filter(|place| !selection.want(*place).any());
        left.map(|place| entries[place.0].dump_id.0).collect()
    }

    #[test]
    fn absent_table_excludes_everything_that_needs_it() {
        assert_eq!(left(Leave::Absent), [1, 2, 3, 4, 6, 8, 9, 10, 12, 13, 14, 15, 16, 17, 19, 20]);
    }

    #[test]
    fn kept_table_excludes_its_objects_but_not_views() {
        assert_eq!(left(Leave::Kept), [1, 2, 3, 4, 6, 8, 9, 10, 12, 13, 16, 19, 20]);
    }

    #[test]
    fn table_without_rows_excludes_foreign_keys() {
        // Also foreign keys from it: nothing is lost, since it has no rows.
        assert_eq!(left(Leave::WithoutRows), [6, 12, 13, 19]);
    }

    #[test]
    fn table_filled_later_loses_only_its_foreign_keys() {
        assert_eq!(left(Leave::WithoutForeignKeys), [12, 13, 19]);
    }

    #[test]
    fn existing_objects_are_excluded_with_that_reason() {
        let entries = entries();
        let mut selection = select(&entries, &SelectOptions::default(), None).unwrap();
        selection.leave_out_present(&entries, |entry| entry.desc == Desc::View);
        let left: Vec<_> = selection.unwanted().collect();
        assert_eq!(left, [(Place(13), &Unwanted::Present), (Place(14), &Unwanted::Present)]);
    }

    #[test]
    fn constraint_of_an_existing_domain_is_excluded() {
        let of_domain =
            "ALTER DOMAIN public.word\n    ADD CONSTRAINT short CHECK (true) NOT VALID;\n";
        let of_table = of_domain.replace("DOMAIN public.word", "TABLE ONLY public.words");
        let entries: Vec<Entry> = [
            entry(1, "CHECK CONSTRAINT", "word short").defn(of_domain).after(&[2]),
            entry(2, "DOMAIN", "word"),
            entry(3, "TABLE", "words").after(&[2]),
            entry(4, "CHECK CONSTRAINT", "words short").defn(&of_table).after(&[2, 3]),
            entry(5, "COMMENT", "DOMAIN word").after(&[2]),
        ]
        .map(Builder::build)
        .into();
        let mut selection = select(&entries, &SelectOptions::default(), None).unwrap();
        selection.leave_out_present(&entries, |entry| entry.tag == "word");
        let left: Vec<_> = selection.unwanted().collect();
        assert_eq!(left, [(Place(0), &Unwanted::ParentUnwanted), (Place(1), &Unwanted::Present)]);
    }

    #[test]
    fn partitions_follow_their_parent_but_not_vice_versa() {
        let entries: Vec<Entry> = [
            entry(1, "TABLE", "parent"),
            entry(2, "TABLE", "part"),
            entry(3, "TABLE", "other"),
            entry(4, "TABLE ATTACH", "part").after(&[2, 1]),
            entry(5, "TABLE ATTACH", "other").after(&[3, 1]),
            entry(6, "TABLE DATA", "part").after(&[2]),
        ]
        .map(Builder::build)
        .into();
        for (name, expected) in [("parent", &[1, 2, 3, 4, 5, 6][..]), ("part", &[2, 4, 6])] {
            let mut selection = select(&entries, &SelectOptions::default(), None).unwrap();
            selection.leave_out(&entries, |table| (table.tag == name).then_some(Leave::Kept));
            let left = (0..entries.len()).map(Place).filter(|place| !selection.want(*place).any());
            let left: Vec<i32> = left.map(|place| entries[place.0].dump_id.0).collect();
            assert_eq!(left, expected);
        }
    }
}
