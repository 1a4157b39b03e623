-- The leaf partitions of a partitioned table, whose OID replaces the placeholder in braces.
SELECT c.oid, n.nspname, c.relname
FROM pg_catalog.pg_partition_tree({root}) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE t.isleaf
