//! Whose objects a session uses without being asked to, and where code of other roles would run.

use std::fmt;

use super::{Result, Session};
use crate::sql::ident::{literal, quoted};

/// The query for the OIDs of the trusted roles: the session's own, superusers, and the owner of the
/// database, who decides about everything in it. Code of another role (triggers, policies, functions)
/// would run with the privileges of this session. Membership in a role does not make its code
/// harmless.
pub(crate) const TRUSTED: &str = "\
SELECT oid FROM pg_catalog.pg_roles \
    WHERE rolsuper OR rolname IN (current_user, session_user, 'pg_database_owner') \
    UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";

/// The query for the OIDs of the roles that the session's role is a member of, and its own. Their
/// tables and types may be used, as long as these use no [`untrusted_code`]. (For a superuser,
/// `pg_has_role` is true of every role.)
pub(crate) const MEMBERSHIPS: &str = "\
WITH RECURSIVE member (oid) AS ( \
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user \
    UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN member ON m.member = member.oid) \
SELECT oid FROM member";

/// The query for the objects that use code of roles which are not [trusted](TRUSTED): see the comment
/// in `untrusted_code.sql`.
pub(crate) fn untrusted_code() -> String {
    let sql = include_str!("untrusted_code.sql").replace("{trusted}", TRUSTED);
    sql.replace("{memberships}", MEMBERSHIPS)
}

/// Code of a role that is not trusted, and what uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UntrustedCode {
    /// The kind and name of what uses it.
    user: (String, String),
    /// How, as a verb.
    verb: String,
    /// The kind and name of the function or domain.
    code: (String, String),
    owner: String,
    /// The session's role.
    role: String,
    /// The kind of what may be dropped.
    cure: String,
}

impl UntrustedCode {
    /// The columns of [`untrusted_code`] that describe it, as `code` in a query.
    pub(crate) const COLUMNS: &str =
        "code.user_kind, code.user_name, code.verb, code.kind, code.name, code.owner, current_user";

    /// From these columns.
    pub(crate) fn of(row: Vec<Option<String>>) -> Option<Self> {
        let [user_kind, user_name, verb, kind, name, owner, role] = row.try_into().ok()?;
        let cure = user_kind.clone()?;
        let (user, code) = ((user_kind?, user_name?), (kind?, name?));
        Some(Self { user, verb: verb?, code, owner: owner?, role: role?, cure })
    }

    /// The first that a statement would use by name, if any; `what` is the kind and the name of what
    /// the statement creates. Names are found as SQL writes them in an expression: with their schema.
    pub(crate) async fn named_in(
        session: &Session,
        statement: &str,
        what: (&str, &str),
    ) -> Result<Option<Self>> {
        let sql = include_str!("named_code.sql")
            .replace("{columns}", Self::COLUMNS)
            .replace("{code}", &untrusted_code())
            .replace("{statement}", &literal(statement));
        let sql = format!("SET LOCAL quote_all_identifiers = off; {sql}");
        let found = session.query_text(&sql).await?.into_iter().find_map(Self::of);
        let user = (what.0.to_owned(), what.1.to_owned());
        Ok(found.map(|found| Self { user, cure: found.code.0.clone(), ..found }))
    }
}

impl fmt::Display for UntrustedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user: (user_kind, user), verb, code: (kind, name), owner, role, cure } = self;
        write!(
            f,
            "{user_kind} {user} {verb} {kind} {name} of role {owner}, whose code would run with the \
             privileges of role {role} (hint: drop the {cure}, or ALTER {} {name} OWNER TO {})",
            kind.to_uppercase(),
            quoted(role)
        )
    }
}
