-- The objects whose owner satisfies {whose}, in drop order: objects over tables, tables (partitions
-- before their parents), then objects that tables depend on. Members of extensions and parts of
-- other objects are dropped with these.
WITH RECURSIVE me AS (
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user
), depth (oid, depth) AS (
    SELECT c.oid, 0 FROM pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'p', 'f') AND c.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)
    UNION
    SELECT i.inhrelid, d.depth + 1
    FROM pg_catalog.pg_inherits i JOIN depth d ON d.oid = i.inhparent
), owned (turn, classid, objid, owner) AS (
    SELECT 0, 'pg_catalog.pg_event_trigger'::pg_catalog.regclass::oid, oid, evtowner FROM pg_catalog.pg_event_trigger
    UNION ALL
    SELECT 1, 'pg_catalog.pg_publication'::pg_catalog.regclass, oid, pubowner FROM pg_catalog.pg_publication
    UNION ALL
    SELECT CASE relkind WHEN 'm' THEN 2 WHEN 'v' THEN 3 WHEN 'S' THEN 5 ELSE 4 END,
        'pg_catalog.pg_class'::pg_catalog.regclass, oid, relowner
    FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND relpersistence <> 't'
    UNION ALL
    SELECT 6, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, oid, stxowner FROM pg_catalog.pg_statistic_ext
    UNION ALL
    SELECT 7, 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner FROM pg_catalog.pg_proc
    UNION ALL
    SELECT 8, 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, opcowner FROM pg_catalog.pg_opclass
    UNION ALL
    SELECT 9, 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, opfowner FROM pg_catalog.pg_opfamily
    UNION ALL
    SELECT 10, 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprowner FROM pg_catalog.pg_operator
    UNION ALL
    -- Excludes row types of tables, array types and multiranges.
    SELECT 11, 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, t.typowner
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE (t.typrelid = 0 OR c.relkind = 'c') AND t.typtype <> 'm'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
    UNION ALL
    SELECT 12, 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, cfgowner FROM pg_catalog.pg_ts_config
    UNION ALL
    SELECT 13, 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, dictowner FROM pg_catalog.pg_ts_dict
    UNION ALL
    SELECT 14, 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, collowner FROM pg_catalog.pg_collation
    UNION ALL
    SELECT 15, 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, conowner FROM pg_catalog.pg_conversion
    UNION ALL
    SELECT 16, 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, srvowner FROM pg_catalog.pg_foreign_server
    UNION ALL
    SELECT 17, 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, fdwowner FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL
    SELECT 18, 'pg_catalog.pg_extension'::pg_catalog.regclass, oid, extowner FROM pg_catalog.pg_extension
    UNION ALL
    SELECT 19, 'pg_catalog.pg_language'::pg_catalog.regclass, oid, lanowner FROM pg_catalog.pg_language
    UNION ALL
    SELECT 20, 'pg_catalog.pg_largeobject'::pg_catalog.regclass, oid, lomowner FROM pg_catalog.pg_largeobject_metadata
    UNION ALL
    SELECT 21, 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, nspowner FROM pg_catalog.pg_namespace
    WHERE nspname <> 'public' AND nspname !~ '^pg_'
)
SELECT object.type, object.schema, object.identity, owned.classid, owned.objid,
    pg_catalog.pg_get_userbyid(owned.owner)
FROM owned
JOIN me ON {whose}
LEFT JOIN depth ON depth.oid = owned.objid AND owned.turn = 4
CROSS JOIN LATERAL pg_catalog.pg_identify_object(owned.classid, owned.objid, 0) object
-- Lower OIDs belong to objects of initdb; large objects can have any OID.
WHERE (owned.objid >= 16384 OR owned.classid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)
  AND object.schema IS DISTINCT FROM {bookkeeping} AND object.identity <> {bookkeeping}
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = owned.classid AND d.objid = owned.objid AND d.deptype IN ('e', 'i')
        -- A partitioned table has an internal dependency on its own key.
        AND (d.refclassid, d.refobjid) <> (d.classid, d.objid)
  )
ORDER BY owned.turn, depth.depth DESC NULLS LAST, object.identity
