//! Foreign keys and other constraints that stand in the way of a patch.
//!
//! A patch deletes and inserts rows of one table at a time, in any order. Foreign keys must not act
//! meanwhile: `ON DELETE CASCADE` would delete rows of other tables. With
//! `session_replication_role = replica` they do nothing, and no lock is needed. A role that may not
//! set that changes no table with a foreign key.
//!
//! In that mode the server does not check them either. For keys of the archive between tables of the
//! archive the source has done so; all others are checked before COMMIT ([`check`]). Nor does it
//! check DEFERRABLE unique constraints, whose check is a trigger (`unique_key_recheck` in
//! `src/backend/commands/constraint.c`): their tables are patched in the usual mode.

use std::collections::HashMap;

use crate::archive::{Desc, Toc};
use crate::restore::orphans_query;
use crate::server::{Result, Session, SessionError, TransactionStatus};
use crate::sql::ident::{literal, oid_array};
use crate::sync::error::SyncError;
use crate::sync::reason::Reason;

/// The first server version with publications of a schema (release notes of PostgreSQL 15).
const SCHEMAS_SINCE: u32 = 150_000;

/// Orphaned rows that are counted before a key is given up.
const COUNTED: u32 = 1000;

/// Which triggers fire: the session's `session_replication_role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Firing {
    /// The usual ones, among them those of foreign keys.
    Origin,
    /// Only those enabled for replicas, or always.
    Replica,
}

impl Firing {
    /// Of a session that fires as few as its role may set.
    pub(super) async fn least(session: &Session) -> Result<Self> {
        // Requires the privilege to set it, but changes nothing.
        let sql = "SELECT pg_catalog.set_config('session_replication_role', \
                   pg_catalog.current_setting('session_replication_role'), false)";
        // A refusal must not abort the caller's transaction.
        let is_within = session.transaction_status() != TransactionStatus::Idle;
        if is_within {
            session.execute("SAVEPOINT nocturne_firing").await?;
        }
        let firing = match session.execute(sql).await {
            Ok(()) => Self::Replica,
            Err(error @ SessionError::Server(_)) if !error.is_connection_lost() => Self::Origin,
            Err(error) => return Err(error),
        };
        if is_within {
            let back = "ROLLBACK TO SAVEPOINT nocturne_firing; RELEASE SAVEPOINT nocturne_firing";
            session.execute(back).await?;
        }
        Ok(firing)
    }

    /// The statement that sets it for the rest of the transaction.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Origin => "SET LOCAL session_replication_role = origin;",
            Self::Replica => "SET LOCAL session_replication_role = replica;",
        }
    }

    /// `pg_trigger.tgenabled` of the triggers that fire, apart from those that always do.
    pub(super) fn state(self) -> char {
        match self {
            Self::Origin => 'O',
            Self::Replica => 'R',
        }
    }
}

/// What stands in the way of a change of a table.
struct Constraints {
    oid: u32,
    /// A foreign key refers to it or from it.
    keys: bool,
    /// It has a DEFERRABLE unique or exclusion constraint.
    deferrable: bool,
    /// A publication needs to identify deleted rows, and cannot.
    unidentified: bool,
}

impl Constraints {
    /// How triggers must fire while the table is changed, `least` being what the role may set.
    fn firing(&self, least: Firing) -> Result<Firing, Reason> {
        match (least, self) {
            (_, Self { unidentified: true, .. }) => Err(Reason::NoReplicaIdentity),
            (Firing::Origin, Self { keys: true, .. }) => Err(Reason::ForeignKeys),
            (_, Self { keys: true, deferrable: true, .. }) => Err(Reason::DeferrableConstraint),
            (_, Self { deferrable: true, .. }) => Ok(Firing::Origin),
            (least, _) => Ok(least),
        }
    }
}

/// The tables among `oids` whose rows cannot be changed by a patch, with the reason.
///
/// # Errors
/// When the session fails.
pub(in crate::sync) async fn locked_in(
    session: &Session,
    oids: &[u32],
) -> Result<HashMap<u32, Reason>> {
    let least = Firing::least(session).await?;
    let all = constraints(session, oids).await?;
    Ok(all.into_iter().filter_map(|one| Some((one.oid, one.firing(least).err()?))).collect())
}

/// How triggers must fire while a table is changed.
pub(super) async fn firing(
    session: &Session,
    oid: u32,
    least: Firing,
) -> Result<Result<Firing, Reason>> {
    let found = constraints(session, &[oid]).await?;
    Ok(found.first().map_or(Ok(least), |found| found.firing(least)))
}

async fn constraints(session: &Session, oids: &[u32]) -> Result<Vec<Constraints>> {
    // Since the table, one it is a partition of, or its schema may be published: see
    // `RelationBuildPublicationDesc` in `src/backend/utils/cache/relcache.c`. What identifies a row:
    // `RelationGetReplicaIndex` there.
    let of_schema = if session.server_version_num() >= SCHEMAS_SINCE {
        "OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace n \
             JOIN pg_catalog.pg_class s ON s.relnamespace = n.pnnspid \
             WHERE n.pnpubid = p.oid AND s.oid IN (SELECT id FROM published))"
    } else {
        ""
    };
    let sql = format!(
        "SELECT c.oid, \
           EXISTS (SELECT FROM pg_catalog.pg_constraint k \
             WHERE k.contype = 'f' AND c.oid IN (k.conrelid, k.confrelid)), \
           EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid \
             AND k.contype IN ('p', 'u', 'x') AND k.condeferrable), \
           c.relreplident <> 'f' \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid \
               AND i.indisvalid AND i.indimmediate AND CASE c.relreplident \
                 WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) \
             AND c.relpersistence = 'p' \
             AND EXISTS (WITH published AS (SELECT c.oid AS id \
                 UNION SELECT relid FROM pg_catalog.pg_partition_ancestors(c.oid)) \
               SELECT FROM pg_catalog.pg_publication p WHERE p.pubdelete AND (p.puballtables \
                 OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel r \
                   WHERE r.prpubid = p.oid AND r.prrelid IN (SELECT id FROM published)) \
                 {of_schema})) \
         FROM pg_catalog.pg_class c WHERE c.oid = ANY ({})",
        oid_array(oids)
    );
    let of = |row: Vec<Option<String>>| {
        let [oid, keys, deferrable, unidentified] = <[_; 4]>::try_from(row).ok()?;
        let is = |value: Option<String>| value.as_deref() == Some("t");
        Some(Constraints {
            oid: oid?.parse().ok()?,
            keys: is(keys),
            deferrable: is(deferrable),
            unidentified: is(unidentified),
        })
    };
    Ok(session.query_text(&sql).await?.into_iter().filter_map(of).collect())
}

/// Checks the foreign keys on changed tables for which the archive does not vouch: those it does not
/// have, and those from or to tables that are not synced. `synced` are all tables of the sync.
///
/// # Errors
/// [`SyncError::ForeignKey`] if rows violate one.
pub(super) async fn check(
    session: &Session,
    toc: &Toc,
    synced: &[u32],
    changed: &[u32],
) -> Result<(), SyncError> {
    if changed.is_empty() {
        return Ok(());
    }
    // The name of such an entry is the table's and the key's (`dumpConstraint` in
    // `src/bin/pg_dump/pg_dump.c`).
    let keys = toc.entries.iter().filter(|entry| entry.desc == Desc::FkConstraint).map(|entry| {
        let schema = entry.namespace.as_deref().unwrap_or_default();
        format!(", ({}, {})", literal(schema), literal(&entry.tag))
    });
    let keys: String = keys.collect();
    let (synced, changed) = (oid_array(synced), oid_array(changed));
    let is_synced = |table: &str| {
        format!(
            "(k.{table} = ANY ({synced}) OR EXISTS (SELECT FROM pg_catalog.pg_class \
               WHERE pg_class.oid = k.{table} AND relkind = 'p') \
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_partition_tree(k.{table}) t \
                 WHERE t.isleaf AND t.relid <> ALL ({synced})))"
        )
    };
    // A key of a partitioned table has parts for its partitions: what counts is the whole.
    let sql = format!(
        "WITH RECURSIVE touched (id) AS ( \
           SELECT oid FROM pg_catalog.pg_constraint WHERE contype = 'f' \
             AND (conrelid = ANY ({changed}) OR confrelid = ANY ({changed})) \
           UNION SELECT conparentid FROM touched JOIN pg_catalog.pg_constraint k ON k.oid = id \
             WHERE conparentid <> 0) \
         SELECT k.oid, k.conname, k.conrelid::pg_catalog.regclass \
         FROM touched JOIN pg_catalog.pg_constraint k ON k.oid = id \
         JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE k.conparentid = 0 AND k.convalidated AND NOT ({} AND {} \
           AND (n.nspname, pg_catalog.concat(c.relname, ' ', k.conname)) IN (VALUES ('', ''){keys})) \
         ORDER BY k.oid",
        is_synced("conrelid"),
        is_synced("confrelid"),
    );
    for row in session.query_text(&sql).await? {
        let [Some(oid), Some(key), Some(table)] = &row[..] else { continue };
        let query = orphans_query(&format!("pg_constraint.oid = {oid}"));
        let Some(query) = session.query_value(&query).await? else { continue };
        let count = format!(
            "SELECT pg_catalog.count(*) FROM (SELECT FROM ({query}) AS orphans LIMIT {COUNTED}) o"
        );
        match session.query_value(&count).await?.as_deref() {
            Some("0") => {}
            rows => {
                let rows = rows.and_then(|rows| rows.parse().ok()).unwrap_or(0);
                return Err(SyncError::ForeignKey { key: key.clone(), table: table.clone(), rows });
            }
        }
    }
    Ok(())
}
