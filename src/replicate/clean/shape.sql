-- The definition of the kept tables, as one value: if it changes, a drop has dropped a part of
-- them. {tables}: their OIDs.
SELECT pg_catalog.md5(pg_catalog.string_agg(part, E'\n' ORDER BY part))
FROM (
    SELECT 'column ' || a.attrelid || ' ' || a.attnum || ' ' || a.attname || ' ' || a.atttypid
        || ' ' || COALESCE(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') AS part
    FROM pg_catalog.pg_attribute a
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ANY ({tables}) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'index ' || i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid = ANY ({tables})
    UNION ALL
    SELECT 'constraint ' || c.oid FROM pg_catalog.pg_constraint c
    WHERE c.conrelid = ANY ({tables}) AND (c.contype <> 'f' OR c.confrelid = ANY ({tables}))
    UNION ALL
    SELECT 'trigger ' || t.oid FROM pg_catalog.pg_trigger t
    WHERE t.tgrelid = ANY ({tables}) AND NOT t.tgisinternal
) parts
