//! What a restore would make of an archive, without its data, in a form that can be compared with
//! that of another archive.
//!
//! pg_dump numbers objects anew in each dump: dump IDs, OIDs, offsets and the order of entries are
//! not compared. Neither are the dependencies: pg_dump decides with them in which order statements
//! run, which the statements themselves show.

use std::collections::{BTreeMap, HashMap};

use crate::archive::digests::put_text;
use crate::archive::{Digest, Entry, Place, Toc};
use crate::restore::{ForeignKeys, RestoreOptions, ServerSetting};
use crate::select::{Selection, Want, keys_and_comments};
use crate::statements::{Ownership, SourceSettings, Style};
use crate::sync::manifest::{EntryRecord, Ident};

/// The wanted entries of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Picture {
    /// The entries, each with the digest of its definition.
    pub(super) entries: BTreeMap<Ident, EntryRecord>,
}

impl Picture {
    /// Of the entries that a restore with these options would restore.
    pub(super) fn of(toc: &Toc, selection: &Selection, options: &RestoreOptions) -> Self {
        let left_out = match options.foreign_keys {
            ForeignKeys::None => keys_and_comments(&toc.entries),
            ForeignKeys::Validated | ForeignKeys::NotValid => vec![false; toc.entries.len()],
        };
        let wanted: Vec<Place> = selection.wanted().filter(|place| !left_out[place.0]).collect();
        let by_place = idents(toc, &wanted);
        let record = |(position, place): (u32, &Place)| {
            let entry = toc.at(*place);
            let record = EntryRecord {
                position,
                definition: definition(entry, selection.want(*place), &options.style),
                drop_stmt: entry.drop_stmt.clone(),
            };
            Some((by_place.get(place)?.clone(), record))
        };
        Self { entries: (0..).zip(&wanted).filter_map(record).collect() }
    }
}

/// The names of these entries. Those that share kind, schema and tag (operators, for example) are
/// numbered by their SQL: their order in the archive may depend on OIDs.
fn idents(toc: &Toc, places: &[Place]) -> HashMap<Place, Ident> {
    let mut same: BTreeMap<Ident, Vec<Place>> = BTreeMap::new();
    for place in places {
        let entry = toc.at(*place);
        let schema = entry.namespace.as_deref().unwrap_or_default();
        let ident = Ident::new(entry.desc.as_str(), schema, &entry.tag, 0);
        same.entry(ident).or_default().push(*place);
    }
    let sql = |place: &Place| (&toc.at(*place).drop_stmt, &toc.at(*place).defn);
    let numbered = same.into_iter().flat_map(|(ident, mut places)| {
        places.sort_by(|a, b| sql(a).cmp(&sql(b)));
        (0..).zip(places).map(move |(number, place)| (place, ident.numbered(number)))
    });
    numbered.collect()
}

/// The digest of all that a restore uses of an entry, except its data.
fn definition(entry: &Entry, want: Want, style: &Style) -> Digest {
    // Every text is preceded by its length, so that different entries give different bytes.
    let mut bytes = [want.schema, want.data, want.stats, entry.with_oids].map(u8::from).to_vec();
    bytes.push(entry.relkind);
    let owner = entry.owner.as_deref().filter(|_| style.ownership != Ownership::Ignore);
    let tablespace = entry.tablespace.as_deref().filter(|_| !style.no_tablespaces);
    let table_am = entry.table_am.as_deref().filter(|_| !style.no_table_access_method);
    let sql = [&entry.defn, &entry.copy_stmt].map(|sql| Some(sql.as_str()));
    for text in sql.into_iter().chain([owner, tablespace, table_am]) {
        put_text(&mut bytes, text);
    }
    Digest::of(&bytes)
}

/// What must be the same for the definitions of two archives to give the same objects, by a readable
/// name. `role` is the role that restores, `version` the server's version as a number: the catalogs
/// of another one have other columns.
pub(super) fn settings(
    toc: &Toc,
    options: &RestoreOptions,
    role: &str,
    version: u32,
) -> BTreeMap<String, String> {
    let (source, style) = (SourceSettings::of(toc), &options.style);
    let words = |set: bool| if set { "given" } else { "not given" }.to_owned();
    let set: String = options.settings.iter().map(ServerSetting::sql).collect();
    let facts = [
        ("the role that restores", role.to_owned()),
        ("the server's major version", (version / 10_000).to_string()),
        ("the archive's encoding", source.encoding),
        ("standard_conforming_strings", source.standard_conforming_strings.to_string()),
        ("the archive's search path", source.search_path.unwrap_or_default()),
        ("--foreign-keys", options.foreign_keys.word().to_owned()),
        ("--no-owner", words(style.ownership == Ownership::Ignore)),
        ("--no-tablespaces", words(style.no_tablespaces)),
        ("--no-table-access-method", words(style.no_table_access_method)),
        ("--set", Digest::of(set.as_bytes()).to_string()),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
