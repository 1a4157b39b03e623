-- Everything that the kept tables need: their parts (indexes, defaults, constraints, triggers,
-- sequences, partitions), and whatever these depend on (types, functions, schemas …). Foreign keys
-- to tables that are not kept are not followed. {tables}: OIDs of the kept tables.
WITH RECURSIVE needed (classid, objid) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid, t.oid
    FROM pg_catalog.unnest({tables}) AS t (oid)
    UNION
    SELECT next.classid, next.objid
    FROM needed
    CROSS JOIN LATERAL (
        SELECT d.classid, d.objid
        FROM pg_catalog.pg_depend d
        WHERE d.refclassid = needed.classid AND d.refobjid = needed.objid
          AND d.deptype IN ('a', 'i', 'P', 'S')
          AND NOT EXISTS (
              SELECT FROM pg_catalog.pg_constraint c
              WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND c.oid = d.objid
                AND c.contype = 'f' AND c.confrelid <> ALL ({tables})
          )
        UNION ALL
        SELECT d.refclassid, d.refobjid
        FROM pg_catalog.pg_depend d
        WHERE d.classid = needed.classid AND d.objid = needed.objid AND d.refclassid <> 0
    ) next
)
SELECT classid, objid FROM needed
