-- The objects whose owner satisfies {whose}, in drop order: objects over tables, tables (partitions
-- before their parents), then objects that tables depend on. Members of extensions and parts of
-- other objects are dropped with these. owners.sql stands in its place below.
WITH RECURSIVE me AS (
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user
), depth (oid, depth) AS (
    SELECT c.oid, 0 FROM pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'p', 'f') AND c.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)
    UNION
    SELECT i.inhrelid, d.depth + 1
    FROM pg_catalog.pg_inherits i JOIN depth d ON d.oid = i.inhparent
), turns (turn, classid) AS (VALUES
    (0, 'pg_catalog.pg_event_trigger'::pg_catalog.regclass::oid),
    (1, 'pg_catalog.pg_publication'::pg_catalog.regclass),
    (4, 'pg_catalog.pg_class'::pg_catalog.regclass),
    (6, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass),
    (7, 'pg_catalog.pg_proc'::pg_catalog.regclass),
    (8, 'pg_catalog.pg_opclass'::pg_catalog.regclass),
    (9, 'pg_catalog.pg_opfamily'::pg_catalog.regclass),
    (10, 'pg_catalog.pg_operator'::pg_catalog.regclass),
    (11, 'pg_catalog.pg_type'::pg_catalog.regclass),
    (12, 'pg_catalog.pg_ts_config'::pg_catalog.regclass),
    (13, 'pg_catalog.pg_ts_dict'::pg_catalog.regclass),
    (14, 'pg_catalog.pg_collation'::pg_catalog.regclass),
    (15, 'pg_catalog.pg_conversion'::pg_catalog.regclass),
    (16, 'pg_catalog.pg_foreign_server'::pg_catalog.regclass),
    (17, 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass),
    (18, 'pg_catalog.pg_extension'::pg_catalog.regclass),
    (19, 'pg_catalog.pg_language'::pg_catalog.regclass),
    (20, 'pg_catalog.pg_largeobject'::pg_catalog.regclass),
    (21, 'pg_catalog.pg_namespace'::pg_catalog.regclass),
    -- Dropped with others, if at all.
    (NULL, 'pg_catalog.pg_cast'::pg_catalog.regclass),
    (NULL, 'pg_catalog.pg_am'::pg_catalog.regclass),
    (NULL, 'pg_catalog.pg_transform'::pg_catalog.regclass),
    (NULL, 'pg_catalog.pg_ts_parser'::pg_catalog.regclass),
    (NULL, 'pg_catalog.pg_ts_template'::pg_catalog.regclass),
    (NULL, 'pg_catalog.pg_user_mapping'::pg_catalog.regclass),
    (NULL, 'pg_catalog.pg_publication_rel'::pg_catalog.regclass),
    -- From version 15 on.
    (NULL, pg_catalog.to_regclass('pg_catalog.pg_publication_namespace'))
), owned (turn, classid, objid, owner) AS (
    SELECT CASE c.relkind WHEN 'm' THEN 2 WHEN 'v' THEN 3 WHEN 'S' THEN 5 ELSE turns.turn END,
        o.classid, o.objid, o.owner
    FROM turns JOIN ({owners}) o (classid, objid, owner) ON o.classid = turns.classid
    LEFT JOIN pg_catalog.pg_class c ON turns.turn = 4 AND c.oid = o.objid
    WHERE turns.turn IS DISTINCT FROM 4
        OR c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND c.relpersistence <> 't'
)
SELECT object.type, object.schema, object.identity, owned.classid, owned.objid,
    pg_catalog.pg_get_userbyid(owned.owner)
FROM owned
JOIN me ON {whose}
LEFT JOIN depth ON depth.oid = owned.objid AND owned.turn = 4
CROSS JOIN LATERAL pg_catalog.pg_identify_object(owned.classid, owned.objid, 0) object
-- Lower OIDs belong to objects of initdb; large objects can have any OID.
WHERE (owned.objid >= 16384 OR owned.turn = 20)
  AND object.schema IS DISTINCT FROM {bookkeeping}
  AND (owned.turn IS DISTINCT FROM 21
      OR object.identity NOT IN ('public', {bookkeeping}) AND object.identity !~ '^pg_')
  -- Row types of tables, array types and multiranges, among others.
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = owned.classid AND d.objid = owned.objid AND d.deptype IN ('e', 'i')
        -- A partitioned table has an internal dependency on its own key.
        AND (d.refclassid, d.refobjid) <> (d.classid, d.objid)
  )
ORDER BY owned.turn, depth.depth DESC NULLS LAST, object.identity
