-- The columns of a table in order, and whether their binary values mean the same on every server.
-- {table}: its OID.
--
-- Binary values of some types contain OIDs of types (arrays), of objects (regclass and similar) or
-- of columns (composites); OIDs below 10000 are the same everywhere
-- (`src/include/access/transam.h`). Enum labels are sent as text.
SELECT a.attname,
    pg_catalog.format_type(a.atttypid, a.atttypmod),
    a.attnotnull,
    a.attgenerated,
    pg_catalog.pg_get_expr(d.adbin, d.adrelid),
    CASE
        WHEN base.typsend::pg_catalog.oid = 0 OR base.typreceive::pg_catalog.oid = 0 THEN false
        WHEN base.typtype = 'e' THEN true
        WHEN base.oid >= 10000 OR base.typtype NOT IN ('b', 'r', 'm') THEN false
        ELSE COALESCE(element.oid, base.oid) < 10000
            AND COALESCE(element.typname, base.typname) NOT LIKE 'reg%'
            AND COALESCE(element.typtype, 'b') IN ('b', 'r', 'm')
    END,
    -- Without a modifier, the SQL names `character` and `bit` mean length 1. With an unknown
    -- modifier, the server writes names that mean any length (`format_type_extended` in
    -- `format_type.c`).
    pg_catalog.format_type(base.oid, -1),
    base.typnamespace = 'pg_catalog'::pg_catalog.regnamespace,
    a.attcollation <> 0,
    pg_catalog.format_type(labelled.oid, NULL),
    (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)
        FROM pg_catalog.pg_enum e WHERE e.enumtypid = labelled.oid),
    EXISTS (SELECT FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
        JOIN pg_catalog.pg_am am ON am.oid = ic.relam
        WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid
            AND i.indpred IS NULL AND am.amname = 'btree'),
    EXISTS (SELECT FROM pg_catalog.pg_index i
        WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid
            AND i.indpred IS NULL AND i.indisunique AND i.indnkeyatts = 1)
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
CROSS JOIN LATERAL (
    WITH RECURSIVE under (type, depth) AS (
        SELECT a.atttypid, 0
        UNION ALL
        SELECT t.typbasetype, depth + 1
        FROM under JOIN pg_catalog.pg_type t ON t.oid = under.type WHERE t.typtype = 'd'
    )
    SELECT t.* FROM under JOIN pg_catalog.pg_type t ON t.oid = under.type
    ORDER BY depth DESC LIMIT 1
) base
LEFT JOIN pg_catalog.pg_type element ON element.oid = base.typelem AND base.typcategory = 'A'
LEFT JOIN pg_catalog.pg_type labelled
    ON labelled.oid = COALESCE(element.oid, base.oid) AND labelled.typtype = 'e'
WHERE a.attrelid = {table} AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
