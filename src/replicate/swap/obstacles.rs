//! What keeps the databases from being dropped and renamed.

use super::error::SwapError;
use super::names::Names;
use crate::server::Session;
use crate::sql::ident::{literal, quoted};

/// Checks that the role may drop the databases that earlier swaps left, by the checks of `dropdb` in
/// `src/backend/commands/dbcommands.c`.
pub(super) async fn leftovers(session: &Session, names: &Names) -> Result<(), SwapError> {
    let sql = format!(
        "SELECT datname, datistemplate AND pg_catalog.pg_has_role(datdba, 'USAGE'), \
                pg_catalog.pg_get_userbyid(datdba), current_user \
         FROM pg_catalog.pg_database WHERE datname IN ({}, {}) \
           AND (datistemplate OR NOT pg_catalog.pg_has_role(datdba, 'USAGE')) ORDER BY 1",
        literal(&names.next),
        literal(&names.previous)
    );
    let rows = session.query_text(&sql).await.map_err(SwapError::refused("list databases"))?;
    let Some([Some(name), Some(is_template), Some(owner), Some(role)]) =
        rows.into_iter().next().and_then(|row| <[Option<String>; 4]>::try_from(row).ok())
    else {
        return Ok(());
    };
    let identifier = quoted(&name);
    let why = match is_template.as_str() {
        "t" => format!(
            "cannot drop \"{name}\", which is a template (hint: ALTER DATABASE {identifier} \
             IS_TEMPLATE false)"
        ),
        _ => format!(
            "cannot drop \"{name}\", which belongs to {owner} (hint: DROP DATABASE {identifier}, or \
             ALTER DATABASE {identifier} OWNER TO {})",
            quoted(&role)
        ),
    };
    Err(SwapError::NotPermitted { database: names.current.clone(), why })
}

/// Checks that no subscription and no logical replication slot belongs to one of the databases. A
/// database with a subscription cannot be dropped, and a slot follows its database when that is
/// renamed, and is dropped with it (`dropdb` in `src/backend/commands/dbcommands.c`).
pub(super) async fn replicated(session: &Session, names: &Names) -> Result<(), SwapError> {
    let databases = [&names.current, &names.next, &names.previous].map(|name| literal(name));
    let databases = databases.join(", ");
    let sql = format!(
        "SELECT d.datname, 'subscription', s.subname FROM pg_catalog.pg_subscription s \
             JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname IN ({databases}) \
         UNION ALL \
         SELECT database, 'replication slot', slot_name FROM pg_catalog.pg_replication_slots \
             WHERE database IN ({databases}) AND NOT temporary ORDER BY 1, 2 DESC, 3"
    );
    let failed = SwapError::refused("list subscriptions and replication slots");
    let rows = session.query_text(&sql).await.map_err(failed)?;
    let named = |row: Vec<Option<String>>| {
        let [database, kind, name] = row.try_into().ok()?;
        let (database, kind, name) = (database?, kind?, name?);
        let cure = match kind.as_str() {
            "subscription" => format!("DROP SUBSCRIPTION {}", quoted(&name)),
            _ => format!("SELECT pg_drop_replication_slot({})", literal(&name)),
        };
        Some((format!("{kind} {} of \"{database}\"", quoted(&name)), (database, cure)))
    };
    let (objects, cures): (Vec<_>, Vec<_>) = rows.into_iter().filter_map(named).unzip();
    if objects.is_empty() {
        return Ok(());
    }
    let cures: Vec<String> =
        cures.into_iter().map(|(database, cure)| format!("in \"{database}\": {cure}")).collect();
    let why = format!(
        "that would break {} (hint: unset SWAP, or, {})",
        objects.join(", "),
        cures.join("; ")
    );
    Err(SwapError::NotPermitted { database: names.current.clone(), why })
}
