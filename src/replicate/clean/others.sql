-- Objects of other roles that would also be dropped, because they depend on dropped objects: for
-- example views of analysts. If a column has a dropped type, only the column is dropped, not its
-- table. Rules stand for their views; constraints and defaults are parts of tables. {classes},
-- {objects}: the dropped objects, as two parallel arrays of OIDs.
WITH RECURSIVE gone (classid, objid, objsubid) AS (
    SELECT o.classid, o.objid, 0
    FROM ROWS FROM (pg_catalog.unnest({classes}), pg_catalog.unnest({objects})) AS o (classid, objid)
    UNION
    SELECT COALESCE(view.classid, d.classid), COALESCE(view.objid, d.objid),
        CASE WHEN view.objid IS NULL THEN d.objsubid ELSE 0 END
    FROM gone
    JOIN pg_catalog.pg_depend d ON d.refclassid = gone.classid AND d.refobjid = gone.objid
        AND (gone.objsubid = 0 OR d.refobjsubid = gone.objsubid)
    LEFT JOIN LATERAL (
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid AS classid, r.ev_class AS objid
        FROM pg_catalog.pg_rewrite r
        WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
          AND r.rulename = '_RETURN'
    ) view ON true
    WHERE d.deptype IN ('n', 'a', 'i')
)
SELECT DISTINCT object.type, object.identity, pg_catalog.pg_get_userbyid(owned.owner), owned.objid
FROM gone
JOIN (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid, oid, relowner
    FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner FROM pg_catalog.pg_proc
) owned (classid, objid, owner) ON owned.classid = gone.classid AND owned.objid = gone.objid
CROSS JOIN LATERAL pg_catalog.pg_identify_object(gone.classid, gone.objid, gone.objsubid) object
WHERE NOT EXISTS (
    SELECT FROM gone whole WHERE gone.objsubid <> 0 AND whole.objsubid = 0
        AND whole.classid = gone.classid AND whole.objid = gone.objid
) AND pg_catalog.pg_get_userbyid(owned.owner) <> current_user
ORDER BY 1, 2
