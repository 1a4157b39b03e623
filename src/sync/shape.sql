-- The objects of the database that an archive can create, except those of the schema nocturne, each
-- with a digest of its rows in the catalog. The digest is compared with an earlier one of the same
-- object (by class, OID and column), so the rows may contain OIDs; it does not contain what the
-- server changes by itself (VACUUM, ANALYZE, a new file), nor privileges, nor whether a materialized
-- view has rows, which is compared with the archive. Rows of the catalog are
-- read under the query's snapshot. Functions such as pg_get_viewdef are not: they fail if
-- somebody drops the object at the same time.
--
-- Columns: class, OID, column; the kind, schema and tag that pg_dump gives to the object's entry; the
-- kind and tag of the entry that creates it if it has none of its own; the column's name; the digest.
-- {publication_namespace}: a branch for versions that have that catalog.
WITH schemas AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'nocturne')
), relations (oid, kind, schema, name) AS (
    SELECT c.oid,
        CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
            WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
        n.nspname, c.relname
    FROM pg_catalog.pg_class c JOIN schemas n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
), parents (oid, list) AS (
    SELECT i.inhrelid, pg_catalog.jsonb_agg(pg_catalog.to_jsonb(i) ORDER BY i.inhseqno)
    FROM pg_catalog.pg_inherits i GROUP BY i.inhrelid
), objects (class, id, sub, kind, schema, name, other_kind, other_name, facts) AS (
SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, n.oid, 0, 'SCHEMA', '', n.nspname::text,
    NULL, NULL, pg_catalog.to_jsonb(n)
FROM pg_catalog.pg_namespace n JOIN schemas s ON s.oid = n.oid
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, r.oid, 0, r.kind, r.schema, r.name, NULL, NULL,
    pg_catalog.to_jsonb(c) || pg_catalog.jsonb_build_object(
        'toast', t.reloptions, 'parents', p.list, 'sequence', q, 'foreign', f, 'partitioned', k,
        'owner of the sequence', (
            SELECT pg_catalog.jsonb_agg(ARRAY[d.refobjid, d.refobjsubid::oid] ORDER BY d.refobjid)
            FROM pg_catalog.pg_depend d
            WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
              AND d.objid = c.oid AND d.refclassid = d.classid AND d.deptype IN ('a', 'i')))
FROM relations r JOIN pg_catalog.pg_class c ON c.oid = r.oid
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
LEFT JOIN parents p ON p.oid = c.oid
LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
LEFT JOIN pg_catalog.pg_foreign_table f ON f.ftrelid = c.oid
LEFT JOIN pg_catalog.pg_partitioned_table k ON k.partrelid = c.oid
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, r.oid, a.attnum, r.kind, r.schema, r.name, NULL, NULL,
    pg_catalog.to_jsonb(a) || pg_catalog.jsonb_build_object('default', d.adbin)
FROM relations r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE r.kind <> 'SEQUENCE'
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0, 'INDEX', r.schema, c.relname,
    CASE WHEN k.oid IS NOT NULL THEN 'CONSTRAINT' END, r.name || ' ' || k.conname,
    pg_catalog.to_jsonb(c) || pg_catalog.to_jsonb(i) || pg_catalog.jsonb_build_object(
        'parents', p.list, 'targets', (
            SELECT pg_catalog.jsonb_agg(a.attstattarget ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid))
FROM relations r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
LEFT JOIN parents p ON p.oid = c.oid
LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = c.oid AND k.conrelid = r.oid
    AND k.contype IN ('p', 'u', 'x')
UNION ALL
-- A CHECK may be part of its table's entry, a foreign key of a partition that of the root's.
SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 0,
    CASE k.contype WHEN 'c' THEN 'CHECK CONSTRAINT' WHEN 'f' THEN 'FK CONSTRAINT'
        WHEN 't' THEN 'TRIGGER' ELSE 'CONSTRAINT' END,
    r.schema, r.name || ' ' || k.conname,
    CASE WHEN k.contype IN ('c', 'n') OR k.conparentid <> 0 THEN r.kind END, r.name,
    pg_catalog.to_jsonb(k)
FROM relations r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid
UNION ALL
SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 0, 'CHECK CONSTRAINT',
    n.nspname, t.typname || ' ' || k.conname, 'DOMAIN', t.typname, pg_catalog.to_jsonb(k)
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid
JOIN schemas n ON n.oid = t.typnamespace
UNION ALL
SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, 0, 'TRIGGER', r.schema,
    r.name || ' ' || t.tgname, CASE WHEN t.tgparentid <> 0 THEN r.kind END, r.name, pg_catalog.to_jsonb(t)
FROM relations r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, 0, 'RULE', r.schema,
    r.name || ' ' || w.rulename, CASE w.rulename WHEN '_RETURN' THEN r.kind END, r.name,
    pg_catalog.to_jsonb(w)
FROM relations r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid
UNION ALL
SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, 0, 'POLICY', r.schema,
    r.name || ' ' || p.polname, NULL, NULL, pg_catalog.to_jsonb(p)
FROM relations r JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, 0, 'STATISTICS', n.nspname, s.stxname,
    NULL, NULL, pg_catalog.to_jsonb(s)
FROM pg_catalog.pg_statistic_ext s JOIN schemas n ON n.oid = s.stxnamespace
UNION ALL
SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 0,
    CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, t.typname, NULL, NULL,
    pg_catalog.to_jsonb(t) || pg_catalog.jsonb_build_object('range', g, 'labels', (
        SELECT pg_catalog.jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
        FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid))
FROM pg_catalog.pg_type t JOIN schemas n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_catalog.pg_range g ON g.rngtypid = t.oid
WHERE t.typtype <> 'm' AND (t.typrelid = 0 OR c.relkind = 'c')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
UNION ALL
-- As written by format_function_signature and format_aggregate_signature in pg_dump.c.
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0,
    CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, n.nspname,
    p.proname || '('
        || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*'
                ELSE pg_catalog.oidvectortypes(p.proargtypes) END
        || ')',
    NULL, NULL, pg_catalog.to_jsonb(p) || pg_catalog.jsonb_build_object('aggregate', a)
FROM pg_catalog.pg_proc p JOIN schemas n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
UNION ALL
SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, c.oid, 0, 'COLLATION', n.nspname, c.collname,
    NULL, NULL, pg_catalog.to_jsonb(c)
FROM pg_catalog.pg_collation c JOIN schemas n ON n.oid = c.collnamespace
UNION ALL
SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, c.oid, 0, 'CONVERSION', n.nspname, c.conname,
    NULL, NULL, pg_catalog.to_jsonb(c)
FROM pg_catalog.pg_conversion c JOIN schemas n ON n.oid = c.connamespace
UNION ALL
-- Archives do not contain those of initdb, here and below.
SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, 0, 'CAST', '',
    'CAST (' || pg_catalog.format_type(c.castsource, NULL) || ' AS '
        || pg_catalog.format_type(c.casttarget, NULL) || ')',
    NULL, NULL, pg_catalog.to_jsonb(c)
FROM pg_catalog.pg_cast c WHERE c.oid >= 16384
UNION ALL
SELECT 'pg_catalog.pg_transform'::pg_catalog.regclass, t.oid, 0, 'TRANSFORM', '',
    'TRANSFORM FOR ' || pg_catalog.format_type(t.trftype, NULL) || ' LANGUAGE ' || l.lanname,
    NULL, NULL, pg_catalog.to_jsonb(t)
FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang
UNION ALL
SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, 0, 'OPERATOR', n.nspname, o.oprname,
    NULL, NULL, pg_catalog.to_jsonb(o)
FROM pg_catalog.pg_operator o JOIN schemas n ON n.oid = o.oprnamespace
UNION ALL
SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, o.oid, 0, 'OPERATOR CLASS', n.nspname, o.opcname,
    'OPERATOR FAMILY', o.opcname, pg_catalog.to_jsonb(o)
FROM pg_catalog.pg_opclass o JOIN schemas n ON n.oid = o.opcnamespace
UNION ALL
-- CREATE OPERATOR CLASS creates a family of the same name if it names none.
SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.oid, 0, 'OPERATOR FAMILY', n.nspname, o.opfname,
    'OPERATOR CLASS', o.opfname,
    pg_catalog.to_jsonb(o) || pg_catalog.jsonb_build_object(
        'operators', (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(m) ORDER BY m.oid)
                      FROM pg_catalog.pg_amop m WHERE m.amopfamily = o.oid),
        'functions', (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(m) ORDER BY m.oid)
                      FROM pg_catalog.pg_amproc m WHERE m.amprocfamily = o.oid))
FROM pg_catalog.pg_opfamily o JOIN schemas n ON n.oid = o.opfnamespace
UNION ALL
SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, t.oid, 0, 'TEXT SEARCH CONFIGURATION', n.nspname,
    t.cfgname, NULL, NULL,
    pg_catalog.to_jsonb(t) || pg_catalog.jsonb_build_object('map', (
        SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(m) ORDER BY m.maptokentype, m.mapseqno)
        FROM pg_catalog.pg_ts_config_map m WHERE m.mapcfg = t.oid))
FROM pg_catalog.pg_ts_config t JOIN schemas n ON n.oid = t.cfgnamespace
UNION ALL
SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, t.oid, 0, 'TEXT SEARCH DICTIONARY', n.nspname,
    t.dictname, NULL, NULL, pg_catalog.to_jsonb(t)
FROM pg_catalog.pg_ts_dict t JOIN schemas n ON n.oid = t.dictnamespace
UNION ALL
SELECT 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, t.oid, 0, 'TEXT SEARCH PARSER', n.nspname,
    t.prsname, NULL, NULL, pg_catalog.to_jsonb(t)
FROM pg_catalog.pg_ts_parser t JOIN schemas n ON n.oid = t.prsnamespace
UNION ALL
SELECT 'pg_catalog.pg_ts_template'::pg_catalog.regclass, t.oid, 0, 'TEXT SEARCH TEMPLATE', n.nspname,
    t.tmplname, NULL, NULL, pg_catalog.to_jsonb(t)
FROM pg_catalog.pg_ts_template t JOIN schemas n ON n.oid = t.tmplnamespace
UNION ALL
SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, f.oid, 0, 'FOREIGN DATA WRAPPER', '',
    f.fdwname, NULL, NULL, pg_catalog.to_jsonb(f)
FROM pg_catalog.pg_foreign_data_wrapper f
UNION ALL
SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, s.oid, 0, 'SERVER', '', s.srvname,
    NULL, NULL, pg_catalog.to_jsonb(s)
FROM pg_catalog.pg_foreign_server s
UNION ALL
SELECT 'pg_catalog.pg_user_mapping'::pg_catalog.regclass, u.umid, 0, 'USER MAPPING', '',
    pg_catalog.format('USER MAPPING %s SERVER %s', u.usename, u.srvname), NULL, NULL,
    pg_catalog.to_jsonb(u)
FROM pg_catalog.pg_user_mappings u
UNION ALL
SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, l.oid, 0, 'PROCEDURAL LANGUAGE', '', l.lanname,
    NULL, NULL, pg_catalog.to_jsonb(l)
FROM pg_catalog.pg_language l WHERE l.oid >= 16384
UNION ALL
SELECT 'pg_catalog.pg_am'::pg_catalog.regclass, a.oid, 0, 'ACCESS METHOD', '', a.amname,
    NULL, NULL, pg_catalog.to_jsonb(a)
FROM pg_catalog.pg_am a WHERE a.oid >= 16384
UNION ALL
SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, e.oid, 0, 'EVENT TRIGGER', '', e.evtname,
    NULL, NULL, pg_catalog.to_jsonb(e)
FROM pg_catalog.pg_event_trigger e
UNION ALL
-- Not its version, which the host may update, nor what its own scripts set.
SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass, e.oid, 0, 'EXTENSION', '', e.extname, NULL, NULL,
    pg_catalog.to_jsonb(e) - ARRAY['extversion', 'extconfig', 'extcondition', 'extrelocatable']
FROM pg_catalog.pg_extension e
UNION ALL
SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, p.oid, 0, 'PUBLICATION', '', p.pubname,
    NULL, NULL, pg_catalog.to_jsonb(p)
FROM pg_catalog.pg_publication p
UNION ALL
SELECT 'pg_catalog.pg_publication_rel'::pg_catalog.regclass, x.oid, 0, 'PUBLICATION TABLE', r.schema,
    p.pubname || ' ' || r.name, NULL, NULL, pg_catalog.to_jsonb(x)
FROM pg_catalog.pg_publication_rel x JOIN pg_catalog.pg_publication p ON p.oid = x.prpubid
JOIN relations r ON r.oid = x.prrelid
{publication_namespace}
UNION ALL
-- Only superusers may read all columns.
SELECT 'pg_catalog.pg_subscription'::pg_catalog.regclass, s.oid, 0, 'SUBSCRIPTION', '', s.subname,
    NULL, NULL,
    pg_catalog.jsonb_build_object('name', s.subname, 'owner', s.subowner, 'enabled', s.subenabled,
        'slot', s.subslotname, 'commit', s.subsynccommit, 'publications', s.subpublications)
FROM pg_catalog.pg_subscription s
WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
)
SELECT o.class, o.id, o.sub, o.kind, o.schema, o.name, o.other_kind, o.other_name,
    CASE WHEN o.facts ->> 'attisdropped' = 'true' THEN o.sub::text ELSE o.facts ->> 'attname' END
        AS column_name,
    pg_catalog.md5(pg_catalog.jsonb_build_array(
        o.facts - ARRAY[
            'relfilenode', 'reltoastrelid', 'relispopulated', 'relpages', 'reltuples', 'relallvisible', 'relallfrozen',
            'relhasindex', 'relhasrules', 'relhastriggers', 'relhassubclass', 'relrewrite',
            'relfrozenxid', 'relminmxid', 'attcacheoff', 'atthasmissing', 'attmissingval',
            'indcheckxmin', 'collversion',
            'relacl', 'attacl', 'nspacl', 'typacl', 'proacl', 'lanacl', 'fdwacl', 'srvacl'],
        d.description,
        (SELECT pg_catalog.jsonb_agg(ARRAY[l.provider, l.label] ORDER BY l.provider)
         FROM pg_catalog.pg_seclabel l
         WHERE l.classoid = o.class AND l.objoid = o.id AND l.objsubid = o.sub)
    )::text) AS shape
FROM objects o
LEFT JOIN pg_catalog.pg_description d
    ON d.classoid = o.class AND d.objoid = o.id AND d.objsubid = o.sub
