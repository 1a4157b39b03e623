-- The objects in the target that a restore could conflict with, by the kind and name that pg_dump
-- uses in an archive; without the schema public, which every database has. For objects whose name
-- is not unique, the name is the statement that drops it, as pg_dump writes it.
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
-- Not a kind of an archive: the tables of this role.
SELECT 'OWN TABLE', n.nspname, c.relname
FROM pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND pg_catalog.pg_get_userbyid(c.relowner) = current_user
UNION ALL
SELECT CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, t.typname
FROM pg_catalog.pg_type t JOIN schemas n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE (t.typrelid = 0 OR c.relkind = 'c')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
UNION ALL
-- As written by format_function_signature and format_aggregate_signature in pg_dump.c.
SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
    n.nspname,
    p.proname || '('
        || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*'
                ELSE pg_catalog.oidvectortypes(p.proargtypes) END
        || ')'
FROM pg_catalog.pg_proc p JOIN schemas n ON n.oid = p.pronamespace
UNION ALL
SELECT 'COLLATION', n.nspname, c.collname
FROM pg_catalog.pg_collation c JOIN schemas n ON n.oid = c.collnamespace
UNION ALL
-- Archives do not contain those of initdb either.
SELECT 'CAST', NULL,
    'CAST (' || pg_catalog.format_type(castsource, NULL) || ' AS '
        || pg_catalog.format_type(casttarget, NULL) || ')'
FROM pg_catalog.pg_cast WHERE oid >= 16384
UNION ALL
SELECT 'OPERATOR', n.nspname,
    pg_catalog.format('DROP OPERATOR %I.%s (%s, %s);', n.nspname, o.oprname,
        CASE o.oprleft WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprleft, NULL) END,
        CASE o.oprright WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprright, NULL) END)
FROM pg_catalog.pg_operator o JOIN schemas n ON n.oid = o.oprnamespace
UNION ALL
SELECT 'OPERATOR CLASS', n.nspname,
    pg_catalog.format('DROP OPERATOR CLASS %I.%I USING %I;', n.nspname, o.opcname, a.amname)
FROM pg_catalog.pg_opclass o JOIN schemas n ON n.oid = o.opcnamespace
JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod
UNION ALL
SELECT 'OPERATOR FAMILY', n.nspname,
    pg_catalog.format('DROP OPERATOR FAMILY %I.%I USING %I;', n.nspname, o.opfname, a.amname)
FROM pg_catalog.pg_opfamily o JOIN schemas n ON n.oid = o.opfnamespace
JOIN pg_catalog.pg_am a ON a.oid = o.opfmethod
UNION ALL
SELECT 'TEXT SEARCH CONFIGURATION', n.nspname, t.cfgname
FROM pg_catalog.pg_ts_config t JOIN schemas n ON n.oid = t.cfgnamespace
UNION ALL
SELECT 'TEXT SEARCH DICTIONARY', n.nspname, t.dictname
FROM pg_catalog.pg_ts_dict t JOIN schemas n ON n.oid = t.dictnamespace
UNION ALL
SELECT 'TEXT SEARCH PARSER', n.nspname, t.prsname
FROM pg_catalog.pg_ts_parser t JOIN schemas n ON n.oid = t.prsnamespace
UNION ALL
SELECT 'TEXT SEARCH TEMPLATE', n.nspname, t.tmplname
FROM pg_catalog.pg_ts_template t JOIN schemas n ON n.oid = t.tmplnamespace
UNION ALL
SELECT 'FOREIGN DATA WRAPPER', NULL, fdwname FROM pg_catalog.pg_foreign_data_wrapper
UNION ALL
SELECT 'SERVER', NULL, srvname FROM pg_catalog.pg_foreign_server
UNION ALL
SELECT 'USER MAPPING', NULL,
    pg_catalog.format('USER MAPPING %s SERVER %s', usename, srvname)
FROM pg_catalog.pg_user_mappings
UNION ALL
SELECT 'PROCEDURAL LANGUAGE', NULL, lanname FROM pg_catalog.pg_language WHERE oid >= 16384
