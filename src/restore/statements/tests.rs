//! What the tests of this and the neighbouring modules share.

use crate::archive::{DataLocation, Desc, DumpId, Entry, Section};

/// An entry with nothing in it but its kind and name.
pub(in crate::restore) fn entry(desc: Desc, tag: &str) -> Entry {
    Entry {
        dump_id: DumpId(1),
        had_dumper: false,
        table_oid: 0,
        oid: 0,
        tag: tag.to_owned(),
        desc,
        section: Section::PreData,
        defn: String::new(),
        drop_stmt: String::new(),
        copy_stmt: String::new(),
        namespace: None,
        tablespace: None,
        table_am: None,
        relkind: 0,
        owner: None,
        with_oids: false,
        dependencies: Vec::new(),
        data: DataLocation::None,
        undecodable: None,
    }
}
