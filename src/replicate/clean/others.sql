-- What other roles lose because it depends on dropped objects: their views, functions and types, and
-- parts of their tables, such as a column or a constraint. The server decides what is dropped along
-- (findDependentObjects in src/backend/catalog/dependency.c): everything that depends on a dropped
-- object, and whatever a dropped object is an inseparable part of. Parts of an object that is named
-- are not named, too. {classes}, {objects}: the dropped objects, as two parallel arrays of OIDs.
-- owners.sql stands in its place below. Rows with only an OID are everything that goes.
WITH RECURSIVE gone (classid, objid, objsubid) AS (
    SELECT o.classid, o.objid, 0
    FROM ROWS FROM (pg_catalog.unnest({classes}), pg_catalog.unnest({objects})) AS o (classid, objid)
    UNION
    SELECT next.classid, next.objid, next.objsubid
    FROM gone
    CROSS JOIN LATERAL (
        SELECT d.classid, d.objid, d.objsubid
        FROM pg_catalog.pg_depend d
        WHERE d.refclassid = gone.classid AND d.refobjid = gone.objid
          AND (gone.objsubid = 0 OR d.refobjsubid = gone.objsubid)
        UNION ALL
        SELECT d.refclassid, d.refobjid, d.refobjsubid
        FROM pg_catalog.pg_depend d
        WHERE d.classid = gone.classid AND d.objid = gone.objid
          AND (gone.objsubid = 0 OR d.objsubid = gone.objsubid) AND d.deptype IN ('i', 'e')
          -- A partitioned table has an internal dependency on its own key.
          AND (gone.objsubid <> 0 OR (d.refclassid, d.refobjid) <> (d.classid, d.objid))
    ) next
), lost AS MATERIALIZED (
    SELECT DISTINCT gone.*, owned.owner
    FROM gone
    JOIN ({owners}) owned (classid, objid, owner)
        ON owned.classid = gone.classid AND owned.objid = gone.objid
    WHERE pg_catalog.pg_get_userbyid(owned.owner) <> current_user
)
SELECT DISTINCT object.type, object.identity, pg_catalog.pg_get_userbyid(lost.owner), lost.objid
FROM lost
CROSS JOIN LATERAL pg_catalog.pg_identify_object(lost.classid, lost.objid, lost.objsubid) object
WHERE NOT EXISTS (
    SELECT FROM lost whole WHERE lost.objsubid <> 0 AND whole.objsubid = 0
        AND whole.classid = lost.classid AND whole.objid = lost.objid
) AND NOT EXISTS (
    -- Members of extensions belong to whoever installed the server; internal parts, such as the
    -- constructors of a range type, come and go with their whole, which is gone as well.
    SELECT FROM pg_catalog.pg_depend d
    JOIN gone whole ON whole.classid = d.refclassid AND whole.objid = d.refobjid
        AND whole.objsubid IN (0, d.refobjsubid)
    WHERE d.classid = lost.classid AND d.objid = lost.objid AND d.deptype IN ('e', 'i')
      AND (lost.objsubid = 0 OR d.objsubid IN (0, lost.objsubid))
      AND (d.refclassid, d.refobjid) <> (d.classid, d.objid)
) AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    JOIN lost whole ON whole.classid = d.refclassid AND whole.objid = d.refobjid
        AND whole.objsubid IN (0, d.refobjsubid) AND whole.owner = lost.owner
    WHERE d.classid = lost.classid AND d.objid = lost.objid AND d.deptype NOT IN ('n', 'i')
      AND (lost.objsubid = 0 OR d.objsubid = lost.objsubid)
      AND (d.refclassid, d.refobjid) <> (d.classid, d.objid)
      -- A partition and an owned sequence are named. So is what a lost column takes away from a table
      -- that stays, except its default.
      AND object.type NOT IN ('table', 'foreign table', 'sequence')
      AND (whole.objsubid = 0 OR object.type = 'default value')
)
UNION ALL
SELECT NULL, NULL, NULL, objid FROM gone WHERE objsubid = 0
ORDER BY 1, 2
