//! Whose objects a session uses without being asked to.

/// The query for the OIDs of the trusted roles: the session's own, superusers, and the owner of the
/// database, who decides about everything in it. Code of another role (triggers, policies, functions)
/// would run with the privileges of this session. Membership in a role does not make its code
/// harmless.
pub(crate) const TRUSTED: &str = "\
SELECT oid FROM pg_catalog.pg_roles \
    WHERE rolsuper OR rolname IN (current_user, session_user, 'pg_database_owner') \
    UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";

/// The query for the OIDs of the roles that the session's role is a member of, and its own. Their
/// tables and types may be used, as long as these use no [untrusted code](super::UntrustedCode). (For a superuser,
/// `pg_has_role` is true of every role.)
pub(crate) const MEMBERSHIPS: &str = "\
WITH RECURSIVE member (oid) AS ( \
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user \
    UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN member ON m.member = member.oid) \
SELECT oid FROM member";

/// The query for the functions, operators and types that belong to extensions of trusted roles, by
/// catalog and OID; the OIDs of these roles are in `trusted`. What an extension's owner adds to it
/// belongs to no one else's.
pub(crate) const MEMBERS: &str = "\
SELECT d.classid, d.objid FROM pg_catalog.pg_depend d \
    JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid \
    WHERE d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass \
        AND x.extowner IN (SELECT oid FROM trusted)";
