-- What uses code of roles that are not trusted, step by step. Such code is functions (what CREATE
-- FUNCTION defines outside the server's own C code), and domains, whose owners may add a CHECK at any
-- time. Members of extensions do not count: the administrator has installed their code. Everything
-- that needs such code is found through pg_depend, whatever its kind: triggers, rules, policies,
-- defaults, generated columns, checks, indexes, partition keys, statistics, column types, and the
-- tables, types, operators and event triggers that these belong to. Calls in the text of a function
-- are not dependencies: each function of a trusted role counts as one that may call the functions of
-- other roles that share their name and schema with a trusted one.
--
-- Objects are found first and the steps between them afterwards, so that the work grows with the
-- number of dependencies, not with that of the ways through them, of which any role can make many.
--
-- Columns: whether the code may only be called; the object used, and what uses it, each by catalog and
-- OID; the user's first column, or 0; NULL. The rows that begin a way have the code, and the code itself
-- or a function that may call it; NULL; the code's owner.
WITH RECURSIVE trusted (oid) AS (
    {trusted}
), member (classid, objid) AS (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), functions (oid, schema, name, owner, is_trusted) AS (
    SELECT p.oid, p.pronamespace, p.proname, p.proowner, p.proowner IN (SELECT oid FROM trusted)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c')
        AND ('pg_catalog.pg_proc'::pg_catalog.regclass, p.oid) NOT IN (SELECT * FROM member)
), code (is_call, usedclass, used, classid, objid, owner) AS (
    SELECT false, 'pg_catalog.pg_proc'::pg_catalog.regclass::oid, oid,
        'pg_catalog.pg_proc'::pg_catalog.regclass::oid, oid, owner
    FROM functions WHERE NOT is_trusted
    UNION ALL
    SELECT false, 'pg_catalog.pg_type'::pg_catalog.regclass, oid,
        'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner
    FROM pg_catalog.pg_type
    WHERE typtype = 'd' AND typowner NOT IN (SELECT oid FROM trusted)
        AND typowner NOT IN ({memberships})
        AND ('pg_catalog.pg_type'::pg_catalog.regclass, oid) NOT IN (SELECT * FROM member)
    UNION ALL
    SELECT true, 'pg_catalog.pg_proc'::pg_catalog.regclass, other.oid,
        'pg_catalog.pg_proc'::pg_catalog.regclass, caller.oid, other.owner
    FROM functions caller, (
        SELECT oid, owner FROM functions other
        WHERE NOT is_trusted AND EXISTS (
            SELECT FROM pg_catalog.pg_proc same
            WHERE same.proname = other.name AND same.pronamespace = other.schema
                AND same.proowner IN (SELECT oid FROM trusted))
        ORDER BY oid LIMIT 1
    ) other
    WHERE caller.is_trusted
), uses (is_call, classid, objid) AS (
    SELECT is_call, classid, objid FROM code
    UNION
    SELECT uses.is_call, step.classid, step.objid
    FROM uses CROSS JOIN LATERAL ({steps}) step
)
SELECT is_call, usedclass, used, classid, objid, NULL::int, pg_catalog.pg_get_userbyid(owner)
FROM code
UNION ALL
SELECT uses.is_call, uses.classid, uses.objid, step.classid, step.objid,
    pg_catalog.min(step.objsubid), NULL
FROM uses CROSS JOIN LATERAL ({steps}) step
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5, 6
