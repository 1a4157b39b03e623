//! The few statements that go around an entry's rows.

use crate::archive::Entry;
use crate::sql::ident::qualified;

/// Disables all triggers of the entry's table, those of foreign keys included, for a data-only
/// restore (`--disable-triggers`). Needs a superuser: see
/// [`SessionState::before_triggers`](super::SessionState::before_triggers).
#[must_use]
pub fn disable_triggers(entry: &Entry) -> String {
    format!("ALTER TABLE {} DISABLE TRIGGER ALL;", table(entry))
}

/// Enables them again.
#[must_use]
pub fn enable_triggers(entry: &Entry) -> String {
    format!("ALTER TABLE {} ENABLE TRIGGER ALL;", table(entry))
}

/// Empties the entry's table but not its children: in the same transaction, PostgreSQL can then
/// skip the WAL for the rows of a COPY. Must not be used with
/// [`Entry::is_load_via_partition_root`].
#[must_use]
pub fn truncate_only(entry: &Entry) -> String {
    format!("TRUNCATE TABLE ONLY {};", table(entry))
}

fn table(entry: &Entry) -> String {
    qualified(entry.namespace.as_deref(), &entry.tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Desc;
    use crate::archive::tests::entry::named;

    #[test]
    fn tables_are_named_with_their_schema() {
        let mut rows = named(Desc::TableData, "Order");
        rows.namespace = Some("app".to_owned());
        assert_eq!(truncate_only(&rows), "TRUNCATE TABLE ONLY app.\"Order\";");
        assert_eq!(disable_triggers(&rows), "ALTER TABLE app.\"Order\" DISABLE TRIGGER ALL;");
        assert_eq!(enable_triggers(&rows), "ALTER TABLE app.\"Order\" ENABLE TRIGGER ALL;");
    }
}
