//! How each table is restored.

use super::{config, problem};
use crate::replicate::config::TableMode;

#[test]
fn old_variables_only_affect_their_two_tables() {
    let source = ("SOURCE_DATABASE_URL", "postgres://u@h/s");
    for (more, mode) in [
        (vec![], TableMode::None),
        (vec![("RESTORE_ANSWERS_AND_KES", "false")], TableMode::None),
        (vec![("RESTORE_ANSWERS_AND_KES", "true")], TableMode::Full),
        (vec![("RESTORE_ANSWERS_AND_KES_INCREMENTALLY", "true"), source], TableMode::Incremental),
        // If the newer variable is set, even to an empty object, it alone applies.
        (vec![("BACKUP_MODE", "{}")], TableMode::Full),
    ] {
        let tables = config(&more).restore.tables;
        assert_eq!(tables.mode("public", "answers"), mode, "{more:?}");
        assert_eq!(tables.mode("public", "knowledge-elements"), mode, "{more:?}");
        assert_eq!(tables.mode("public", "knowledge-element-snapshots"), TableMode::Full);
        assert_eq!(tables.mode("public", "element-answers"), TableMode::Full);
        assert_eq!(tables.mode("pgboss", "answers"), TableMode::Full);
    }
    // The user did not name these two: they need not exist.
    assert!(config(&[]).restore.tables.unused([].into_iter()).is_empty());
}

#[test]
fn backup_mode_prefers_exact_names_to_patterns() {
    let text = r#"{"log_*":"none","log_audit_*":"full","log_main":"schema-only","job.*":"none"}"#;
    let tables = config(&[("BACKUP_MODE", text)]).restore.tables;
    assert_eq!(tables.mode("public", "log_main"), TableMode::SchemaOnly);
    assert_eq!(tables.mode("public", "log_audit_1"), TableMode::None);
    assert_eq!(tables.mode("job", "queue"), TableMode::None);
    assert_eq!(tables.mode("public", "users"), TableMode::Full);
    let there = [("public", "log_main"), ("public", "log_x")];
    let unused: Vec<String> =
        tables.unused(there.into_iter()).iter().map(|rule| rule.tables.to_string()).collect();
    assert_eq!(unused, ["log_audit_*", "job.*"]);
}

#[test]
fn invalid_backup_mode_is_explained() {
    for (text, end) in [
        ("{answers: none}", "invalid JSON: key must be a string at line 1 column 2"),
        (
            "[]",
            "expected a JSON object: invalid type: sequence, expected an object at line 1 \
                column 0",
        ),
        (
            r#"{"a":"none","a":"full"}"#,
            "expected a JSON object: duplicate name \"a\" at line 1 column 23",
        ),
        (
            r#"{"answers":"incremantal"}"#,
            "table \"answers\": unknown mode \"incremantal\", \
            expected \"incremental\", \"none\", \"schema-only\" or \"full\"",
        ),
        (
            r#"{"answers":true}"#,
            "table \"answers\": unknown mode true, expected \"incremental\", \
                                 \"none\", \"schema-only\" or \"full\"",
        ),
        (
            r#"{"a.b.c":"none"}"#,
            "table \"a.b.c\": more than one \".\" (quote a part that contains one: \"\\\"a.b\\\"\")",
        ),
    ] {
        assert_eq!(
            problem(&[("BACKUP_MODE", text)]),
            format!("BACKUP_MODE (--backup-mode): {end}")
        );
    }
    assert_eq!(
        problem(&[("INCREMENTAL_KEYS", r#"{"a":1}"#)]),
        "INCREMENTAL_KEYS (--incremental-keys): table \"a\": 1 is not a column name"
    );
}
