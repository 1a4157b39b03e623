-- The objects that use code of roles which are not trusted: functions (what CREATE FUNCTION defines
-- outside the server's own C code), and domains, whose owners may add a CHECK at any time. Members of
-- extensions do not count: the administrator has installed their code. Everything
-- that needs such code is found through pg_depend, whatever its kind: triggers, rules, policies,
-- defaults, generated columns, checks, indexes, partition keys, statistics, column types, and the
-- tables, types, operators and event triggers that these belong to. Calls in the text of a function
-- are not dependencies: with "may call", each function of a trusted role counts as one that calls the
-- functions of other roles that share their name and schema with a trusted one.
--
-- Columns: what uses the code, by catalog and OID, including the code itself; the code, likewise; the
-- kind and name of what uses it directly, and how; the code's kind, name and owner.
WITH RECURSIVE trusted (oid) AS (
    {trusted}
), functions (oid, schema, name, owner, is_trusted) AS MATERIALIZED (
    SELECT p.oid, p.pronamespace, p.proname, p.proowner, p.proowner IN (SELECT oid FROM trusted)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
            AND d.deptype = 'e')
), code (classid, objid, verb, usedclass, used, owner) AS (
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::oid, oid, 'uses',
        'pg_catalog.pg_proc'::pg_catalog.regclass::oid, oid, owner
    FROM functions WHERE NOT is_trusted
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, 'uses',
        'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner
    FROM pg_catalog.pg_type
    WHERE typtype = 'd' AND typowner NOT IN (SELECT oid FROM trusted)
        AND typowner NOT IN ({memberships})
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = pg_type.oid
                AND d.deptype = 'e')
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, caller.oid, 'may call',
        'pg_catalog.pg_proc'::pg_catalog.regclass, other.oid, other.owner
    FROM functions other JOIN functions caller ON caller.is_trusted
    WHERE NOT other.is_trusted AND EXISTS (
        SELECT FROM pg_catalog.pg_proc same
        WHERE same.proname = other.name AND same.pronamespace = other.schema
            AND same.proowner IN (SELECT oid FROM trusted))
), uses (classid, objid, userclass, usedby, usedsub, verb, usedclass, used, owner) AS (
    SELECT classid, objid, NULL::oid, NULL::oid, NULL::int, verb, usedclass, used, owner FROM code
    UNION
    -- A type made of a domain is not named: what uses it is.
    SELECT next.classid, next.objid,
        CASE WHEN direct.is_user THEN next.classid ELSE uses.userclass END,
        CASE WHEN direct.is_user THEN next.objid ELSE uses.usedby END,
        CASE WHEN direct.is_user THEN next.objsubid ELSE uses.usedsub END, uses.verb,
        uses.usedclass, uses.used, uses.owner
    FROM uses
    CROSS JOIN LATERAL (
        SELECT d.classid, d.objid, d.objsubid
        FROM pg_catalog.pg_depend d
        WHERE d.refclassid = uses.classid AND d.refobjid = uses.objid AND d.deptype <> 'e'
        UNION ALL
        SELECT d.refclassid, d.refobjid, d.refobjsubid
        FROM pg_catalog.pg_depend d
        WHERE d.classid = uses.classid AND d.objid = uses.objid
            AND d.deptype IN ('a', 'i', 'P', 'S')
    ) next
    CROSS JOIN LATERAL (
        SELECT uses.usedby IS NULL AND NOT (next.classid = uses.classid
            AND next.classid = 'pg_catalog.pg_type'::pg_catalog.regclass)
    ) direct (is_user)
    -- Foreign keys run the server's own code, as the owner of each table. Publications run none.
    WHERE next.classid <> 'pg_catalog.pg_publication_rel'::pg_catalog.regclass
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_constraint c
            WHERE next.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
                AND c.oid = next.objid AND c.contype = 'f')
)
SELECT uses.classid, uses.objid, uses.usedclass, uses.used,
    by.type AS user_kind, by.identity AS user_name, uses.verb,
    CASE of.type WHEN 'type' THEN 'domain' ELSE of.type END AS kind, of.identity AS name,
    pg_catalog.pg_get_userbyid(uses.owner) AS owner
FROM uses
CROSS JOIN LATERAL pg_catalog.pg_identify_object(
    COALESCE(uses.userclass, uses.classid), COALESCE(uses.usedby, uses.objid),
    COALESCE(uses.usedsub, 0)) by
CROSS JOIN LATERAL pg_catalog.pg_identify_object(uses.usedclass, uses.used, 0) of
