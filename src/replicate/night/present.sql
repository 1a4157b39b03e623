-- What is in the target, by the kind and the name that pg_dump gives it in an archive: what a
-- restore could run into. Not the schema public, which every database has.
WITH schemas AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
)
SELECT 'SCHEMA', NULL, nspname FROM schemas WHERE nspname <> 'public'
UNION ALL
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname
FROM pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'S')
UNION ALL
SELECT CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, t.typname
FROM pg_catalog.pg_type t JOIN schemas n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE (t.typrelid = 0 OR c.relkind = 'c')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
UNION ALL
-- As format_function_signature and format_aggregate_signature in pg_dump.c write them.
SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
    n.nspname,
    p.proname || '('
        || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*'
                ELSE pg_catalog.oidvectortypes(p.proargtypes) END
        || ')'
FROM pg_catalog.pg_proc p JOIN schemas n ON n.oid = p.pronamespace
