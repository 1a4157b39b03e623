//! Whether the manifest can be believed.
//!
//! Someone who may create objects in the database must not be able to make a sync leave rows as they
//! are. So the manifest is believed only if
//!
//! 1. the schema and its tables belong to this role or a superuser ([`has_record`]), the tables are
//!    as this program creates them, without triggers, rules, policies or further indexes, and no
//!    other role may write to them ([`flaw`]),
//! 2. it was made in this database, not in the one that this is a copy of (`CREATE DATABASE …
//!    TEMPLATE`), all its rows are those of one transaction, and its checksum is right (`load.rs`).
//!
//! A role that owns the tables could also change the warehouse itself: it is not a threat.
//!
//! [`has_record`]: crate::server::has_record

use crate::server::{Result, Session};
use crate::sql::ident::literal;
use crate::sync::manifest::schema::TABLES;

/// What is wrong with the tables, in words; `None` if nothing is.
pub(super) async fn flaw(session: &Session) -> Result<Option<String>> {
    let expected = TABLES
        .iter()
        .map(|table| format!("({}, {})", literal(table.name), literal(&table.column_list())));
    let expected = expected.collect::<Vec<_>>().join(", ");
    let sql = include_str!("trust.sql").replace("{expected}", &expected);
    session.query_value(&sql).await
}
