//! Privileges of many large objects, stored once (from archive version 1.16).

use super::token::{Token, TokenKind, tokens};

/// One command of a definition that applies to many large objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AclCommand {
    /// Run once, unchanged: it names no large object. Includes its semicolon.
    Once(String),
    /// Run for each large object.
    PerObject {
        /// The text before the OID.
        before: String,
        /// The text after it, without the semicolon.
        after: String,
    },
}

/// The error for privileges whose last command is not terminated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("incomplete command in the privileges of large objects")]
pub struct MalformedAcl;

/// The commands of an ACL entry tagged `LARGE OBJECTS …`.
///
/// pg_dump writes them for the first object of the group; each must be run for all objects in the
/// BLOB METADATA entry that the ACL entry depends on (`IssueACLPerBlob` in
/// `src/bin/pg_dump/pg_backup_db.c`). pg_restore runs the first command for all objects, then the
/// second, and so on.
///
/// # Errors
/// [`MalformedAcl`] when something follows the last semicolon.
pub fn per_large_object(definition: &str) -> Result<Vec<AclCommand>, MalformedAcl> {
    let mut commands = Vec::new();
    let mut command: Vec<Token> = Vec::new();
    let mut read_to = 0;
    for token in tokens(definition) {
        read_to = token.place.end;
        if token.is_symbol(';') {
            commands.extend(split_at_oid(definition, &command, token.place.start));
            command.clear();
        } else {
            command.push(token);
        }
    }
    let whole = command.is_empty() && definition[read_to..].trim().is_empty();
    if whole { Ok(commands) } else { Err(MalformedAcl) }
}

/// The command made of these tokens, ending at byte `end`; `None` if it is empty.
fn split_at_oid(text: &str, command: &[Token], end: usize) -> Option<AclCommand> {
    let start = command.first()?.place.start;
    let oid = command.windows(3).find_map(|window| match window {
        [large, object, oid]
            if large.is_word("large") && object.is_word("object") && is_number(oid) =>
        {
            Some(oid)
        }
        _ => None,
    });
    Some(match oid {
        Some(oid) => AclCommand::PerObject {
            before: text[start..oid.place.start].to_owned(),
            after: text[oid.place.end..end].to_owned(),
        },
        // Such as SET SESSION AUTHORIZATION, for privileges granted by another role.
        None => AclCommand::Once(format!("{};", &text[start..end])),
    })
}

fn is_number(token: &Token) -> bool {
    matches!(&token.kind, TokenKind::Word(word) if word.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_object(before: &str, after: &str) -> AclCommand {
        AclCommand::PerObject { before: before.to_owned(), after: after.to_owned() }
    }

    #[test]
    fn commands_are_split_at_their_oid() {
        let definition = "REVOKE ALL ON LARGE OBJECT 16385 FROM \"a;LARGE OBJECT 1\";\n\
                          GRANT SELECT ON LARGE OBJECT 16385 TO PUBLIC;\n";
        assert_eq!(
            per_large_object(definition),
            Ok(vec![
                per_object("REVOKE ALL ON LARGE OBJECT ", " FROM \"a;LARGE OBJECT 1\""),
                per_object("GRANT SELECT ON LARGE OBJECT ", " TO PUBLIC"),
            ])
        );
    }

    #[test]
    fn session_authorization_is_run_once() {
        let definition = "SET SESSION AUTHORIZATION x;\nGRANT ALL ON LARGE OBJECT 7 TO y;\n\
                          RESET SESSION AUTHORIZATION;\n";
        assert_eq!(
            per_large_object(definition),
            Ok(vec![
                AclCommand::Once("SET SESSION AUTHORIZATION x;".to_owned()),
                per_object("GRANT ALL ON LARGE OBJECT ", " TO y"),
                AclCommand::Once("RESET SESSION AUTHORIZATION;".to_owned()),
            ])
        );
    }

    #[test]
    fn incomplete_command_is_an_error() {
        for definition in
            ["GRANT ALL ON LARGE OBJECT 7 TO y", "GRANT ALL ON LARGE OBJECT 7 TO \"y;"]
        {
            assert_eq!(per_large_object(definition), Err(MalformedAcl));
        }
    }
}
