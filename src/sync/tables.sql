-- Tables, and what decides whether their rows may be patched: kind, access method, whether they have
-- rules, whether row security applies to this role, whether they belong to an extension; and the
-- names of their columns. The placeholders in braces are replaced by what reads texts.
SELECT {schema}, {name}, c.oid, c.relkind,
       (SELECT a.amname FROM pg_catalog.pg_am a WHERE a.oid = c.relam),
       c.relhasrules, pg_catalog.row_security_active(c.oid),
       EXISTS (SELECT FROM pg_catalog.pg_depend d
               WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                 AND d.deptype = 'e'),
       {columns}
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
