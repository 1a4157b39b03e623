-- The objects in the target that a restore could conflict with, by the kind and name that pg_dump
-- uses in an archive; without the schema public, which every database has. For objects whose name
-- is not unique, the name is the statement that drops it, as pg_dump writes it. RELATION is not a kind
-- of an archive: every relation, because they share their names.
--
-- Columns: kind, schema, name, the kind of object in words, its catalog's OID and its own, its owner,
-- whether the owner is the role, whether the owner is trusted (for everything but functions, also if
-- the role is a member of it).
WITH schemas AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), trusted (oid) AS (
    {trusted}
), objects (kind, schema, name, what, classid, objid, owner) AS (
SELECT 'SCHEMA', NULL, s.nspname, NULL, 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, s.oid,
    n.nspowner
FROM schemas s JOIN pg_catalog.pg_namespace n ON n.oid = s.oid WHERE s.nspname <> 'public'
UNION ALL
SELECT kinds.kind, n.nspname, c.relname,
    CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
        WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index'
        ELSE 'table' END,
    'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.relowner
FROM pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT 'RELATION'
    UNION ALL
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END
    WHERE c.relkind IN ('r', 'p', 'f', 'S')
) kinds (kind)
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c', 'i', 'I')
UNION ALL
SELECT 'STATISTICS', n.nspname, s.stxname, NULL, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass,
    s.oid, s.stxowner
FROM pg_catalog.pg_statistic_ext s JOIN schemas n ON n.oid = s.stxnamespace
UNION ALL
SELECT CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, t.typname,
    NULL, 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, t.typowner
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
        || ')',
    NULL, 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, p.proowner
FROM pg_catalog.pg_proc p JOIN schemas n ON n.oid = p.pronamespace
UNION ALL
SELECT 'COLLATION', n.nspname, c.collname,
    NULL, 'pg_catalog.pg_collation'::pg_catalog.regclass, c.oid, c.collowner
FROM pg_catalog.pg_collation c JOIN schemas n ON n.oid = c.collnamespace
UNION ALL
-- Archives do not contain those of initdb either.
SELECT 'CAST', NULL,
    'CAST (' || pg_catalog.format_type(castsource, NULL) || ' AS '
        || pg_catalog.format_type(casttarget, NULL) || ')',
    NULL, 'pg_catalog.pg_cast'::pg_catalog.regclass, oid, NULL
FROM pg_catalog.pg_cast WHERE oid >= 16384
UNION ALL
SELECT 'OPERATOR', n.nspname,
    pg_catalog.format('DROP OPERATOR %I.%s (%s, %s);', n.nspname, o.oprname,
        CASE o.oprleft WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprleft, NULL) END,
        CASE o.oprright WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprright, NULL) END),
    NULL, 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, o.oprowner
FROM pg_catalog.pg_operator o JOIN schemas n ON n.oid = o.oprnamespace
UNION ALL
SELECT 'OPERATOR CLASS', n.nspname,
    pg_catalog.format('DROP OPERATOR CLASS %I.%I USING %I;', n.nspname, o.opcname, a.amname),
    NULL, 'pg_catalog.pg_opclass'::pg_catalog.regclass, o.oid, o.opcowner
FROM pg_catalog.pg_opclass o JOIN schemas n ON n.oid = o.opcnamespace
JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod
UNION ALL
SELECT 'OPERATOR FAMILY', n.nspname,
    pg_catalog.format('DROP OPERATOR FAMILY %I.%I USING %I;', n.nspname, o.opfname, a.amname),
    NULL, 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.oid, o.opfowner
FROM pg_catalog.pg_opfamily o JOIN schemas n ON n.oid = o.opfnamespace
JOIN pg_catalog.pg_am a ON a.oid = o.opfmethod
UNION ALL
SELECT 'TEXT SEARCH CONFIGURATION', n.nspname, t.cfgname,
    NULL, 'pg_catalog.pg_ts_config'::pg_catalog.regclass, t.oid, t.cfgowner
FROM pg_catalog.pg_ts_config t JOIN schemas n ON n.oid = t.cfgnamespace
UNION ALL
SELECT 'TEXT SEARCH DICTIONARY', n.nspname, t.dictname,
    NULL, 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, t.oid, t.dictowner
FROM pg_catalog.pg_ts_dict t JOIN schemas n ON n.oid = t.dictnamespace
UNION ALL
SELECT 'TEXT SEARCH PARSER', n.nspname, t.prsname,
    NULL, 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, t.oid, NULL
FROM pg_catalog.pg_ts_parser t JOIN schemas n ON n.oid = t.prsnamespace
UNION ALL
SELECT 'TEXT SEARCH TEMPLATE', n.nspname, t.tmplname,
    NULL, 'pg_catalog.pg_ts_template'::pg_catalog.regclass, t.oid, NULL
FROM pg_catalog.pg_ts_template t JOIN schemas n ON n.oid = t.tmplnamespace
UNION ALL
SELECT 'FOREIGN DATA WRAPPER', NULL, fdwname,
    NULL, 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, fdwowner
FROM pg_catalog.pg_foreign_data_wrapper
UNION ALL
SELECT 'SERVER', NULL, srvname,
    NULL, 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, srvowner
FROM pg_catalog.pg_foreign_server
UNION ALL
SELECT 'USER MAPPING', NULL,
    pg_catalog.format('USER MAPPING %s SERVER %s', usename, srvname),
    NULL, 'pg_catalog.pg_user_mapping'::pg_catalog.regclass, umid, NULL
FROM pg_catalog.pg_user_mappings
UNION ALL
SELECT 'PROCEDURAL LANGUAGE', NULL, lanname,
    NULL, 'pg_catalog.pg_language'::pg_catalog.regclass, oid, lanowner
FROM pg_catalog.pg_language WHERE oid >= 16384
UNION ALL
SELECT 'CONVERSION', n.nspname, c.conname,
    NULL, 'pg_catalog.pg_conversion'::pg_catalog.regclass, c.oid, c.conowner
FROM pg_catalog.pg_conversion c JOIN schemas n ON n.oid = c.connamespace
UNION ALL
SELECT 'PUBLICATION', NULL, pubname,
    NULL, 'pg_catalog.pg_publication'::pg_catalog.regclass, oid, pubowner
FROM pg_catalog.pg_publication
UNION ALL
-- Those of the role are dropped. Any OID may be that of an object in another catalog, too.
SELECT 'LARGE OBJECT', NULL, oid::pg_catalog.text,
    NULL, 'pg_catalog.pg_largeobject'::pg_catalog.regclass, NULL, lomowner
FROM pg_catalog.pg_largeobject_metadata WHERE pg_catalog.pg_get_userbyid(lomowner) <> current_user
)
SELECT o.kind, o.schema, o.name, COALESCE(o.what, pg_catalog.lower(o.kind)),
    o.classid, o.objid, pg_catalog.pg_get_userbyid(o.owner),
    pg_catalog.pg_get_userbyid(o.owner) = current_user,
    o.owner IS NULL OR o.owner IN (SELECT oid FROM trusted)
        OR x.extowner IN (SELECT oid FROM trusted)
        OR o.classid <> 'pg_catalog.pg_proc'::pg_catalog.regclass AND o.owner IN ({memberships})
FROM objects o
LEFT JOIN pg_catalog.pg_depend e ON e.classid = o.classid AND e.objid = o.objid AND e.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
