//! Adds IF EXISTS to an archive's DROP statements.

use std::borrow::Cow;

/// A DROP statement with IF EXISTS, as far as possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfExists<'a> {
    /// The statement to run.
    pub sql: Cow<'a, str>,
    /// Whether the object may be missing. If not, pg_restore warns "could not find where to insert
    /// IF EXISTS" and runs the statement anyway.
    pub found: bool,
}

/// Adds IF EXISTS to `statement`, which drops an object of this kind (the entry's `desc`).
///
/// The rules are pg_restore's (`RestoreArchive` in `pg_backup_archiver.c`):
/// - comments, which stand in for dropping the schema `public`, are unchanged, as are
///   `CREATE OR REPLACE VIEW`, which replaces dropping a view's rule, and the resets of
///   DATABASE PROPERTIES;
/// - `ALTER TABLE` becomes `ALTER TABLE IF EXISTS`; dropping a DEFAULT needs no more, as there is
///   no syntax for it;
/// - for everything else, the clause follows `DROP` and the kind's name, which is `CONSTRAINT` for
///   all kinds of constraints.
#[must_use]
pub fn if_exists<'a>(kind: &str, statement: &'a str) -> IfExists<'a> {
    if statement.starts_with("--") {
        return IfExists { sql: statement.into(), found: true };
    }
    let (table, rest) = match statement.strip_prefix("ALTER TABLE") {
        Some(rest) => ("ALTER TABLE IF EXISTS", rest),
        None => ("", statement),
    };
    if matches!(kind, "DEFAULT" | "DATABASE PROPERTIES")
        || rest.starts_with("CREATE OR REPLACE VIEW")
    {
        let sql = if table.is_empty() { statement.into() } else { format!("{table}{rest}").into() };
        return IfExists { sql, found: true };
    }
    let drop = match kind {
        "CONSTRAINT" | "CHECK CONSTRAINT" | "FK CONSTRAINT" => "DROP CONSTRAINT".to_owned(),
        _ => format!("DROP {kind}"),
    };
    match rest.split_once(&drop) {
        Some((before, after)) => {
            IfExists { sql: format!("{table}{before}{drop} IF EXISTS{after}").into(), found: true }
        }
        None => IfExists { sql: format!("{table}{rest}").into(), found: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_exists_is_placed_per_grammar() {
        for (kind, statement, expected) in [
            ("TABLE", "DROP TABLE public.t;\n", "DROP TABLE IF EXISTS public.t;\n"),
            (
                "MATERIALIZED VIEW",
                "DROP MATERIALIZED VIEW a.v;\n",
                "DROP MATERIALIZED VIEW IF EXISTS a.v;\n",
            ),
            (
                "FK CONSTRAINT",
                "ALTER TABLE ONLY public.a DROP CONSTRAINT b;\n",
                "ALTER TABLE IF EXISTS ONLY public.a DROP CONSTRAINT IF EXISTS b;\n",
            ),
            (
                "CHECK CONSTRAINT",
                "ALTER DOMAIN a.d DROP CONSTRAINT c;\n",
                "ALTER DOMAIN a.d DROP CONSTRAINT IF EXISTS c;\n",
            ),
            (
                "DEFAULT",
                "ALTER TABLE public.t ALTER COLUMN id DROP DEFAULT;\n",
                "ALTER TABLE IF EXISTS public.t ALTER COLUMN id DROP DEFAULT;\n",
            ),
            ("TRIGGER", "DROP TRIGGER t ON public.a;\n", "DROP TRIGGER IF EXISTS t ON public.a;\n"),
            ("DATABASE PROPERTIES", "ALTER DATABASE d RESET x;\n", "ALTER DATABASE d RESET x;\n"),
            (
                "RULE",
                "CREATE OR REPLACE VIEW v AS SELECT 1;\n",
                "CREATE OR REPLACE VIEW v AS SELECT 1;\n",
            ),
            ("SCHEMA", "-- *not* dropping schema\n", "-- *not* dropping schema\n"),
        ] {
            let forgiving = if_exists(kind, statement);
            assert_eq!(forgiving.sql, expected);
            assert!(forgiving.found, "{statement}");
        }
    }

    #[test]
    fn unknown_statement_is_kept_and_reported() {
        let forgiving = if_exists("HYPERCUBE", "REMOVE HYPERCUBE x;\n");
        assert_eq!(forgiving.sql, "REMOVE HYPERCUBE x;\n");
        assert!(!forgiving.found);
        let forgiving = if_exists("TABLE ATTACH", "ALTER TABLE a DETACH PARTITION b;\n");
        assert_eq!(forgiving.sql, "ALTER TABLE IF EXISTS a DETACH PARTITION b;\n");
        assert!(!forgiving.found);
    }
}
