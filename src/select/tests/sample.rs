//! A hand-made archive with something for each rule, and helpers to select from it.

use crate::archive::tests::entry::{Builder, entry};
use crate::archive::{Entry, Section};
use crate::select::{SelectOptions, select};

/// An archive with one entry of each sort that a rule covers.
pub(crate) fn archive() -> Vec<Entry> {
    [
        entry(1, "ENCODING", "ENCODING"),
        entry(2, "STDSTRINGS", "STDSTRINGS"),
        entry(3, "SEARCHPATH", "SEARCHPATH"),
        entry(4, "DATABASE", "shop"),
        entry(5, "DATABASE PROPERTIES", "shop"),
        entry(6, "COMMENT", "DATABASE shop").schema(None).after(&[4]),
        entry(10, "SCHEMA", "archive"),
        entry(11, "EXTENSION", "hstore"),
        entry(12, "FUNCTION", "f(integer)"),
        entry(13, "AGGREGATE", "total(integer)"),
        entry(14, "PROCEDURE", "p()"),
        entry(20, "TABLE", "orders").after(&[11]),
        entry(21, "COMMENT", "TABLE orders").after(&[20]),
        entry(22, "ACL", "TABLE orders").after(&[20]),
        entry(23, "ACL", "COLUMN orders.id").after(&[20, 22]),
        entry(24, "SECURITY LABEL", "TABLE orders").after(&[20]),
        entry(25, "TABLE", "orders").schema("archive"),
        entry(26, "VIEW", "recent"),
        entry(27, "MATERIALIZED VIEW", "summary"),
        entry(28, "FOREIGN TABLE", "remote"),
        entry(29, "SEQUENCE", "orders_id_seq"),
        entry(30, "ACL", "FUNCTION pg_catalog.now()").schema("pg_catalog"),
        entry(31, "DEFAULT ACL", "DEFAULT PRIVILEGES FOR TABLES"),
        entry(39, "BLOB", "16500"),
        entry(40, "TABLE DATA", "orders").after(&[20]),
        entry(41, "TABLE DATA", "orders").schema("archive").after(&[25]),
        entry(42, "SEQUENCE SET", "orders_id_seq"),
        entry(43, "BLOB METADATA", "16501..16502"),
        entry(44, "ACL", "LARGE OBJECT 16500").schema(None).after(&[39]),
        entry(45, "BLOBS", "BLOBS"),
        entry(46, "STATISTICS DATA", "orders").after(&[20]),
        entry(60, "INDEX", "orders_at").after(&[20]),
        entry(61, "CONSTRAINT", "orders orders_pkey").after(&[20]),
        entry(62, "TRIGGER", "orders audit").after(&[20]),
        entry(63, "POLICY", "orders mine").after(&[20]),
        entry(64, "ROW SECURITY", "orders").after(&[20]),
        entry(65, "COMMENT", "POLICY mine ON orders").after(&[63]),
        entry(66, "PUBLICATION", "pub"),
        entry(67, "PUBLICATION TABLE", "pub orders").after(&[66, 20]),
        entry(68, "PUBLICATION TABLES IN SCHEMA", "pub archive").after(&[66]),
        entry(69, "COMMENT", "PUBLICATION pub").schema(None).after(&[66]),
        entry(70, "SECURITY LABEL", "PUBLICATION pub").schema(None).after(&[66]),
        entry(71, "SUBSCRIPTION", "sub"),
        entry(72, "SUBSCRIPTION TABLE", "sub orders").after(&[71, 20]),
        entry(73, "COMMENT", "SUBSCRIPTION sub").schema(None).after(&[71]),
        entry(74, "SECURITY LABEL", "SUBSCRIPTION sub").schema(None).after(&[71]),
        entry(75, "STATISTICS DATA", "orders_at").section(Section::PostData).after(&[60]),
        entry(76, "MATERIALIZED VIEW DATA", "summary").after(&[27]),
    ]
    .into_iter()
    .map(Builder::build)
    .collect()
}

pub(crate) fn options(change: impl FnOnce(&mut SelectOptions)) -> SelectOptions {
    let mut options = SelectOptions::default();
    change(&mut options);
    options
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The dump IDs of the wanted entries.
pub(crate) fn wanted(entries: &[Entry], options: &SelectOptions) -> Vec<i32> {
    let selection = select(entries, options, None).unwrap();
    selection.wanted().map(|place| entries[place.0].dump_id.0).collect()
}
