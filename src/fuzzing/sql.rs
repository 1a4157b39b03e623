//! Parsing SQL text: statements of INSERT dumps and of scripts, and definitions.

use crate::rows::CopyStatement;
use crate::sql::split::{Batches, Ends, Splitter, script as scripts};
use crate::sql::{acl, constraint, ident, if_exists};

/// Statements of an INSERT dump, with both meanings of backslashes.
///
/// # Panics
/// When they depend on the chunk size, or do not add up to the text.
pub fn inserts(bytes: &[u8]) {
    for standard_conforming_strings in [true, false] {
        let whole = ends(bytes, bytes.len().max(1), standard_conforming_strings);
        assert_eq!(ends(bytes, 1, standard_conforming_strings), whole);
        let mut rest = bytes;
        let mut found = 0;
        let mut ends_well = true;
        for batch in Batches::new(bytes, standard_conforming_strings, Ends::Anyhow) {
            let Ok(batch) = batch else {
                ends_well = false;
                break;
            };
            for statement in batch.statements() {
                let at = memchr::memmem::find(rest, statement).expect("statements are in the text");
                rest = &rest[at + statement.len()..];
                found += 1;
            }
        }
        // Complete statements just before an incomplete end are not returned.
        assert!(found == whole.len() || (!ends_well && found < whole.len()));
    }
}

/// The end of each statement, reading this many bytes at a time.
fn ends(bytes: &[u8], at_a_time: usize, standard_conforming_strings: bool) -> Vec<usize> {
    let mut splitter = Splitter::new(standard_conforming_strings);
    let mut found = Vec::new();
    let mut start = 0;
    for piece in bytes.chunks(at_a_time) {
        let mut at = 0;
        while let Some(length) = splitter.statement_end(&piece[at..]) {
            at += length;
            found.push(start + at);
        }
        start += piece.len();
    }
    found
}

/// A handwritten script.
///
/// # Panics
/// When a statement is not in the script, not on its line, or splits differently on its own.
pub fn script(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(found) = scripts::statements(&text) else { return };
    let lines: Vec<&str> = text.split('\n').collect();
    for statement in &found {
        let first = statement.sql.split('\n').next().unwrap_or_default();
        let line = lines.get(statement.line as usize - 1).expect("the line is in the text");
        assert!(line.contains(first.trim_end()), "{statement:?}");
        let alone = scripts::statements(&statement.sql).expect("what was split can be split");
        assert_eq!(alone.len(), 1, "{statement:?} {alone:?}");
    }
}

/// Definitions of entries, as far as they are parsed, and names.
///
/// # Panics
/// When a quoted name or a literal can be escaped from inside.
pub fn definitions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = constraint::unique(&text);
    let _ = constraint::foreign_key(&text);
    let _ = constraint::is_unchecked(&text);
    let _ = acl::per_large_object(&text);
    let _ = acl::roles(&text);
    let _ = CopyStatement::parse(&text);
    for kind in ["TABLE", "FUNCTION", "CONSTRAINT", "BLOB METADATA", ""] {
        let _ = if_exists::if_exists(kind, &text);
    }
    let quoted = ident::quoted(&text);
    if let Some(inside) = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        assert_eq!(inside.replace("\"\"", "").matches('"').count(), 0, "{quoted}");
    }
    let literal = ident::plain_literal(&text, true);
    let inside = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let inside = inside.expect("a literal is quoted");
    assert_eq!(inside.replace("''", "").matches('\'').count(), 0, "{literal}");
}
