-- The code of roles that are not trusted which these objects use, step by step. Such code is functions
-- (what CREATE FUNCTION defines outside the server's own C code), and domains, whose owners may add a
-- CHECK at any time. Members of extensions count as their owners', who can add others. What an object uses is found through pg_depend, whatever its kind: triggers, rules,
-- policies, defaults, generated columns, checks, indexes, partition keys, statistics, column types, and
-- the tables, types, operators and functions that these use. Foreign keys run the server's own code, as
-- the owner of each table; publications run none. Calls in the text of a function are not
-- dependencies: a function of a trusted role counts as one that may call a function of another role if
-- its text contains that name, and a trusted role has a function of this name in the same schema.
--
-- What others make of these objects does not add to the work: it starts from them.
--
-- Columns: the object used, and what uses it, each by catalog and OID; the user's first column, or 0.
-- The rows that begin a way have the code, and the code itself or a function that may call it; NULL; the
-- code's owner.
WITH RECURSIVE trusted (oid) AS (
    {trusted}
), members (classid, objid) AS (
    {members}
), needs (classid, objid) AS (
    SELECT catalog, oid FROM ({objects}) o (catalog, oid, part)
    UNION
    SELECT step.classid, step.objid FROM needs CROSS JOIN LATERAL ({steps}) step
), functions (oid, schema, name, owner, is_trusted, body) AS (
    SELECT p.oid, p.pronamespace, p.proname, p.proowner,
        p.proowner IN (SELECT oid FROM trusted)
            OR ('pg_catalog.pg_proc'::pg_catalog.regclass, p.oid) IN (SELECT * FROM members),
        p.prosrc
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c')
), needed (oid, owner, is_trusted, body) AS (
    SELECT f.oid, f.owner, f.is_trusted, f.body FROM functions f
    JOIN needs ON needs.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND needs.objid = f.oid
), namesakes (oid, name, owner) AS (
    SELECT f.oid, f.name, f.owner FROM functions f
    WHERE NOT f.is_trusted AND EXISTS (
        SELECT FROM pg_catalog.pg_proc same
        WHERE same.proname = f.name AND same.pronamespace = f.schema
            AND same.proowner IN (SELECT oid FROM trusted))
)
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::oid, oid,
    'pg_catalog.pg_proc'::pg_catalog.regclass::oid, oid, NULL::int, false,
    pg_catalog.pg_get_userbyid(owner)
FROM needed WHERE NOT is_trusted
UNION ALL
SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid,
    'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, NULL, false,
    pg_catalog.pg_get_userbyid(t.typowner)
FROM pg_catalog.pg_type t
JOIN needs ON needs.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND needs.objid = t.oid
WHERE t.typtype = 'd' AND t.typowner NOT IN (SELECT oid FROM trusted)
    AND t.typowner NOT IN ({memberships})
    AND ('pg_catalog.pg_type'::pg_catalog.regclass, t.oid) NOT IN (SELECT * FROM members)
UNION ALL
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, other.oid,
    'pg_catalog.pg_proc'::pg_catalog.regclass, needed.oid, NULL, true,
    pg_catalog.pg_get_userbyid(other.owner)
FROM needed CROSS JOIN LATERAL (
    SELECT oid, owner FROM namesakes
    WHERE pg_catalog.strpos(pg_catalog.lower(needed.body),
        pg_catalog.replace(pg_catalog.lower(namesakes.name), '"', '""')) > 0
    ORDER BY oid LIMIT 1
) other
WHERE needed.is_trusted
UNION ALL
SELECT step.classid, step.objid, needs.classid, needs.objid, pg_catalog.min(step.objsubid), false, NULL
FROM needs CROSS JOIN LATERAL ({steps}) step
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
