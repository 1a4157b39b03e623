//! The roles that an access-privilege definition requires.

use super::token::{Token, TokenKind, tokens};

/// The roles in the definition of an ACL or DEFAULT ACL entry, decoded and deduplicated, in order
/// of first mention.
///
/// These are the grantees (`GRANT … TO x, y`, `REVOKE … FROM x`), the role whose defaults change
/// (`ALTER DEFAULT PRIVILEGES FOR ROLE x`), grantors (`GRANTED BY x`), and the role of
/// `SET SESSION AUTHORIZATION x`: everything that `buildACLCommands` and `buildDefaultACLCommands`
/// in `src/bin/pg_dump/dumputils.c` write. PUBLIC, CURRENT_USER and the like are not roles.
#[must_use]
pub fn roles(definition: &str) -> Vec<String> {
    let all: Vec<Token> = tokens(definition).collect();
    let mut found = Vec::new();
    for command in all.split(|token| token.is_symbol(';')) {
        of_command(command, &mut found);
    }
    found
}

fn of_command(command: &[Token], found: &mut Vec<String>) {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(token) = command.get(at) {
        at += 1;
        let rest = &command[at..];
        match &token.kind {
            TokenKind::Symbol('(') => depth += 1,
            TokenKind::Symbol(')') => depth = depth.saturating_sub(1),
            // Function arguments can have any name.
            _ if depth > 0 => {}
            TokenKind::Word(word) => {
                // `to` and `from` are reserved: unquoted, they are never an object's name.
                let names = match word.as_str() {
                    "to" | "from" => Some(rest),
                    "for" => rest.split_first().filter(|(w, _)| is_role_word(w)).map(|r| r.1),
                    "granted" => rest.split_first().filter(|(w, _)| w.is_word("by")).map(|r| r.1),
                    "session" => {
                        rest.split_first().filter(|(w, _)| w.is_word("authorization")).map(|r| r.1)
                    }
                    _ => None,
                };
                if let Some(names) = names {
                    at = command.len() - list(names, found).len();
                }
            }
            _ => {}
        }
    }
}

/// Reads `x, y, z` and returns the rest.
fn list<'a>(mut rest: &'a [Token], found: &mut Vec<String>) -> &'a [Token] {
    loop {
        // Before PostgreSQL 8.1, `GROUP x`.
        if let [group, name, ..] = rest
            && group.is_word("group")
            && name.name().is_some()
        {
            rest = &rest[1..];
        }
        let Some((role, behind)) = rest.split_first() else { return rest };
        let Some(name) = role.name() else { return rest };
        if !is_no_role(role) && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
        match behind.split_first() {
            Some((comma, next)) if comma.is_symbol(',') => rest = next,
            _ => return behind,
        }
    }
}

fn is_role_word(token: &Token) -> bool {
    token.is_word("role") || token.is_word("user")
}

/// Whether an unquoted word stands for everyone or for the current user.
fn is_no_role(token: &Token) -> bool {
    ["public", "current_user", "current_role", "session_user", "default"]
        .iter()
        .any(|word| token.is_word(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_in_all_pg_dump_forms_are_found() {
        for (definition, expected) in [
            ("GRANT SELECT ON TABLE public.t TO reader;\n", &["reader"][..]),
            ("GRANT ALL ON SCHEMA s TO PUBLIC;\nREVOKE USAGE ON SCHEMA s FROM PUBLIC;", &[]),
            (
                "REVOKE ALL ON TABLE \"to\".t FROM a;\nGRANT SELECT(\"from\"),UPDATE(x) ON TABLE t \
                 TO b WITH GRANT OPTION;",
                &["a", "b"],
            ),
            (
                "GRANT ALL ON FUNCTION f(\"a;b\" integer, to_x text) TO \"O\"\"Hara; x\";",
                &["O\"Hara; x"],
            ),
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE \"Boss\" IN SCHEMA s REVOKE ALL ON TABLES FROM x;\n\
                 ALTER DEFAULT PRIVILEGES FOR ROLE \"Boss\" IN SCHEMA s GRANT ALL ON TABLES TO y;",
                &["Boss", "x", "y"],
            ),
            ("ALTER DEFAULT PRIVILEGES FOR USER u GRANT SELECT ON TABLES TO PUBLIC;", &["u"]),
            (
                "SET SESSION AUTHORIZATION grantor;\nGRANT SELECT ON t TO g;\nRESET SESSION AUTHORIZATION;",
                &["grantor", "g"],
            ),
            ("SET SESSION AUTHORIZATION 'it''s';", &["it's"]),
            (
                "REVOKE GRANT OPTION FOR SELECT ON TABLE t FROM a, \"B\", c CASCADE;",
                &["a", "B", "c"],
            ),
            ("GRANT SELECT ON TABLE t TO GROUP staff, GROUP \"Old\";", &["staff", "Old"]),
            ("GRANT SELECT ON TABLE t TO a GRANTED BY b;", &["a", "b"]),
            ("GRANT SELECT ON TABLE t TO Mixed, été, \"public\";", &["mixed", "été", "public"]),
            ("GRANT SELECT ON TABLE t TO \"never ends", &[]),
        ] {
            assert_eq!(roles(definition), expected, "{definition}");
        }
    }
}
