-- The materialized views, those that read others after them, and whether each is stale: whether it
-- reads, directly or through views, partitions or functions, one of certain tables. The catalog
-- does not record which tables a function reads: one that is not built in may read any. The
-- placeholders in braces are replaced by a query for the tables, one for other stale views, and how
-- names are returned.
WITH RECURSIVE fed (oid) AS (
    {fed}
    UNION
    SELECT CASE fed.oid WHEN i.inhparent THEN i.inhrelid ELSE i.inhparent END
    FROM fed JOIN pg_catalog.pg_inherits i ON fed.oid IN (i.inhparent, i.inhrelid)
), reads (reader, class, object) AS (
    SELECT DISTINCT r.ev_class, d.refclassid, d.refobjid
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
        ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
    WHERE d.refobjid <> r.ev_class
), stale (oid) AS (
    (SELECT reader FROM reads JOIN fed
        ON class = 'pg_catalog.pg_class'::pg_catalog.regclass AND object = fed.oid
    UNION
    SELECT reader FROM reads JOIN pg_catalog.pg_proc p
        ON class = 'pg_catalog.pg_proc'::pg_catalog.regclass AND object = p.oid
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('internal', 'c')
    {always})
    UNION
    SELECT reader FROM stale JOIN reads
        ON class = 'pg_catalog.pg_class'::pg_catalog.regclass AND object = stale.oid
), levels (oid, level) AS (
    SELECT oid, 0 FROM pg_catalog.pg_class WHERE relkind = 'm'
    UNION
    SELECT reader, level + 1 FROM levels JOIN reads
        ON class = 'pg_catalog.pg_class'::pg_catalog.regclass AND object = levels.oid
)
SELECT c.oid, {schema}, {name}, {owner}, c.oid IN (SELECT oid FROM stale), c.relispopulated,
    pg_catalog.pg_has_role(c.relowner, 'USAGE')
FROM levels JOIN pg_catalog.pg_class c ON c.oid = levels.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm'
GROUP BY c.oid, n.nspname, c.relname, c.relowner, c.relispopulated
ORDER BY pg_catalog.max(level), c.oid
