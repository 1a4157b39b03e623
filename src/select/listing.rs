//! A selection as text, one line for each entry, as `pg_restore -l` prints it, and as objects for
//! JSON.
//!
//! The text can be edited and read back as a [list file](super::ListFile). The header above it
//! describes the archive rather than its entries and is not written here.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::selection::Selection;
use crate::archive::encoding::shown;
use crate::archive::{DataLocation, Entry, Place, Section};

/// The line of one entry: `dump_id; table_oid oid desc schema name owner`, without a line end.
///
/// Line breaks in names become spaces; `-` means no schema (`PrintTOCSummary` in
/// `pg_backup_archiver.c`, `sanitize_line` in `dumputils.c`).
#[derive(Clone, Copy, Debug)]
pub struct ListingLine<'a>(pub &'a Entry);

impl fmt::Display for ListingLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.0;
        write!(f, "{}; {} {} ", entry.dump_id, entry.table_oid, entry.oid)?;
        on_one_line(f, entry.desc.as_str())?;
        f.write_str(" ")?;
        on_one_line(f, entry.namespace.as_deref().unwrap_or("-"))?;
        f.write_str(" ")?;
        on_one_line(f, &entry.tag)?;
        f.write_str(" ")?;
        on_one_line(f, entry.owner.as_deref().unwrap_or_default())
    }
}

fn on_one_line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let text = shown(text);
    let mut pieces = text.split(['\n', '\r']);
    f.write_str(pieces.next().unwrap_or_default())?;
    pieces.try_for_each(|piece| write!(f, " {piece}"))
}

/// The comment below an entry's line that lists its dependencies, without a line end.
#[derive(Clone, Copy, Debug)]
pub struct DependsOn<'a>(pub &'a Entry);

impl fmt::Display for DependsOn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(";\tdepends on:")?;
        self.0.dependencies.iter().try_for_each(|id| write!(f, " {id}"))
    }
}

/// The lines of a selection, in its order: the wanted entries, or with `verbose` (`-v`) all entries
/// with their dependencies.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// The archive's TOC.
    pub entries: &'a [Entry],
    /// The selection made from it.
    pub selection: &'a Selection,
    /// Whether to list all.
    pub verbose: bool,
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &place in &self.selection.order {
            let Some(entry) = self.entries.get(place.0) else { continue };
            if self.verbose || self.selection.want(place).any() {
                writeln!(f, "{}", ListingLine(entry))?;
            }
            if self.verbose && !entry.dependencies.is_empty() {
                writeln!(f, "{}", DependsOn(entry))?;
            }
        }
        Ok(())
    }
}

impl<'a> Listing<'a> {
    /// The same entries as objects, one for each.
    pub fn objects(&self) -> impl Iterator<Item = EntryObject<'a>> {
        let Self { entries, selection, verbose } = *self;
        selection
            .order
            .iter()
            .filter(move |place| verbose || selection.want(**place).any())
            .filter_map(move |place| {
                Some(EntryObject::new(entries.get(place.0)?, selection, *place))
            })
    }
}

/// An entry as an object, for `--format json`.
#[derive(Clone, Debug, Serialize)]
pub struct EntryObject<'a> {
    /// The entry's number in the archive.
    pub dump_id: i32,
    /// `none`, `pre-data`, `data` or `post-data`.
    pub section: &'static str,
    /// What kind of object it is, `TABLE DATA`.
    pub desc: &'a str,
    /// Its schema, or null.
    pub schema: Option<Cow<'a, str>>,
    /// Its name, or a phrase that identifies its object.
    pub name: Cow<'a, str>,
    /// The role that owns it.
    pub owner: Option<Cow<'a, str>>,
    /// OID of the system catalog that contains the object, 0 if none.
    pub table_oid: u32,
    /// OID of the object in the dumped database, 0 if none.
    pub oid: u32,
    /// Numbers of the entries that must be restored before it.
    pub dependencies: Vec<i32>,
    /// Its tablespace: empty means the database's default, null that it has no storage.
    pub tablespace: Option<Cow<'a, str>>,
    /// Where its data is.
    pub data: DataObject<'a>,
    /// Whether it is restored.
    pub wanted: bool,
    /// Why it is not restored, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unwanted_because: Option<String>,
}

/// Where an entry's data is, for `--format json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DataObject<'a> {
    /// It has none.
    None,
    /// In a file of the archive.
    File {
        /// Its name, without the compression suffix.
        name: &'a str,
    },
    /// At a byte of the archive.
    Offset {
        /// Bytes from its start.
        offset: u64,
    },
    /// In the archive, at an offset that only reading it will show.
    OffsetNotSet,
}

impl<'a> EntryObject<'a> {
    /// The entry at this place in the TOC, with the decision on it.
    #[must_use]
    pub fn new(entry: &'a Entry, selection: &Selection, place: Place) -> Self {
        Self {
            dump_id: entry.dump_id.0,
            section: match entry.section {
                Section::None => "none",
                Section::PreData => "pre-data",
                Section::Data => "data",
                Section::PostData => "post-data",
            },
            desc: entry.desc.as_str(),
            schema: entry.namespace.as_deref().map(shown),
            name: shown(&entry.tag),
            owner: entry.owner.as_deref().map(shown),
            table_oid: entry.table_oid,
            oid: entry.oid,
            dependencies: entry.dependencies.iter().map(|id| id.0).collect(),
            tablespace: entry.tablespace.as_deref().map(shown),
            data: match &entry.data {
                DataLocation::None => DataObject::None,
                DataLocation::File(name) => DataObject::File { name },
                DataLocation::Offset(offset) => DataObject::Offset { offset: *offset },
                DataLocation::OffsetNotSet => DataObject::OffsetNotSet,
            },
            wanted: selection.want(place).any(),
            unwanted_because: selection.reason(place).map(ToString::to_string),
        }
    }
}

#[cfg(test)]
mod tests;
