-- The columns of a table (its OID replaces the placeholder in braces), with the types for a
-- temporary table of their values: a domain's base type instead of the domain, so that no CHECK
-- runs. The last field names a contained type whose input or casts would run a function that any
-- role may define: a CHECK of a domain, the canonical function of a range, a cast for assignment.
WITH RECURSIVE base(attnum, name, oid, typmod) AS (
    SELECT attnum, attname, atttypid, atttypmod FROM pg_catalog.pg_attribute
    WHERE attrelid = {table} AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT b.attnum, b.name, t.typbasetype, t.typtypmod
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
), plain AS (
    SELECT b.* FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype <> 'd'
), inside(attnum, oid) AS (
    SELECT attnum, oid FROM plain
    UNION
    SELECT i.attnum, part.oid
    FROM inside i JOIN pg_catalog.pg_type t ON t.oid = i.oid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL SELECT t.typelem WHERE t.typelem <> 0
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
                  WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0
                      AND NOT a.attisdropped
        UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
        UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r
                  WHERE pg_catalog.to_jsonb(r) ->> 'rngmultitypid' = t.oid::text
    ) AS part (oid)
), trusted AS (
    SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE l.lanname IN ('c', 'internal')
)
SELECT p.name, pg_catalog.format_type(p.oid, p.typmod),
       (SELECT pg_catalog.format_type(i.oid, NULL) FROM inside i
        WHERE i.attnum = p.attnum AND (
            EXISTS (SELECT FROM pg_catalog.pg_constraint c
                    WHERE c.contypid = i.oid AND c.contype = 'c')
            OR EXISTS (SELECT FROM pg_catalog.pg_range r
                       WHERE r.rngtypid = i.oid AND r.rngcanonical <> 0
                           AND r.rngcanonical NOT IN (SELECT oid FROM trusted))
            OR EXISTS (SELECT FROM pg_catalog.pg_cast c
                       WHERE c.casttarget = i.oid AND c.castcontext <> 'e' AND c.castfunc <> 0
                           AND c.castfunc NOT IN (SELECT oid FROM trusted)))
        LIMIT 1)
FROM plain p ORDER BY p.attnum
