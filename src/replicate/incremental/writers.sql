-- The transactions that may be writing to tables, by virtual ID, or as prepared transactions.
-- {tables}: the tables' OIDs. Includes their partitions and children, and the tables below a view.
-- The sequence of a column is locked by a transaction that has taken a key from it.
WITH RECURSIVE written (oid) AS (
    SELECT pg_catalog.unnest('{{tables}}'::oid[])
    UNION
    SELECT below.oid
    FROM written
    CROSS JOIN LATERAL (
        SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = written.oid
        UNION ALL
        SELECT d.refobjid
        FROM pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_depend d
            ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
        WHERE r.ev_class = written.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        UNION ALL
        SELECT s.oid
        FROM pg_catalog.pg_attrdef a
        JOIN pg_catalog.pg_depend d
            ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = a.oid
        JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
        WHERE a.adrelid = written.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        UNION ALL
        SELECT s.oid
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refobjid = written.oid
    ) below (oid)
)
SELECT DISTINCT l.virtualtransaction
FROM pg_catalog.pg_locks l
JOIN written ON written.oid = l.relation
WHERE l.locktype = 'relation' AND l.granted
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
        'AccessExclusiveLock')
    AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
