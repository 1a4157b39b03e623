-- What is wrong with the tables of the manifest, in words, if anything is: what would run code when
-- they are read or written, or let other roles write to them. {expected}: their names and columns.
SELECT 'table nocturne.' || e.name || ' ' || CASE
    WHEN c.oid IS NULL THEN 'is missing'
    WHEN c.relkind <> 'r' OR c.relpersistence <> 'p' THEN 'is not an ordinary table'
    WHEN EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
        THEN 'has a parent or children'
    WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid) THEN 'has triggers'
    WHEN EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid) THEN 'has rules'
    WHEN c.relrowsecurity OR c.relforcerowsecurity
        OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) THEN 'has row security'
    WHEN (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid) <> 1
        OR EXISTS (SELECT FROM pg_catalog.pg_constraint k
                   WHERE k.conrelid = c.oid AND k.contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = c.oid)
        THEN 'has other indexes or constraints'
    WHEN EXISTS (
        SELECT FROM pg_catalog.aclexplode(c.relacl) a
        WHERE a.grantee <> c.relowner AND a.privilege_type <> 'SELECT'
    ) OR EXISTS (
        SELECT FROM pg_catalog.pg_attribute b, pg_catalog.aclexplode(b.attacl) a
        WHERE b.attrelid = c.oid AND a.grantee <> c.relowner AND a.privilege_type <> 'SELECT'
    ) THEN 'can be written by other roles'
    WHEN e.columns IS DISTINCT FROM (
        SELECT pg_catalog.string_agg(
            b.attname || ' ' || pg_catalog.format_type(b.atttypid, b.atttypmod)
                || CASE WHEN b.attnotnull THEN ' NOT NULL' ELSE '' END
                || CASE WHEN b.atthasdef OR b.attidentity <> '' THEN ' DEFAULT' ELSE '' END,
            ', ' ORDER BY b.attnum)
        FROM pg_catalog.pg_attribute b
        WHERE b.attrelid = c.oid AND b.attnum > 0 AND NOT b.attisdropped
    ) THEN 'has other columns'
END AS flaw
FROM (VALUES {expected}) AS e (name, columns)
LEFT JOIN pg_catalog.pg_class c ON c.relname = e.name
    AND c.relnamespace = pg_catalog.to_regnamespace('nocturne')
ORDER BY flaw
LIMIT 1
