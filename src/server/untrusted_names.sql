-- Those of these objects that a statement names: functions, operators and types. Names are compared
-- between spaces, because the text after a name may continue it; those of functions with the
-- parenthesis of a call, because a table may have the same name.
SELECT o.catalog, o.oid
FROM ({objects}) o (catalog, oid, part)
CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(o.catalog, o.oid, 0) object
CROSS JOIN LATERAL (
    -- Names of types are complete.
    SELECT CASE WHEN pg_catalog.cardinality(object.object_names) = 1 THEN object.object_names[1]
        ELSE pg_catalog.quote_ident(object.object_names[1]) || '.' ||
            CASE object.type WHEN 'operator' THEN object.object_names[2]
                ELSE pg_catalog.quote_ident(object.object_names[2]) END END
) name (written)
WHERE o.catalog IN ('pg_catalog.pg_proc'::pg_catalog.regclass,
        'pg_catalog.pg_operator'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass)
    AND CASE o.catalog WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN pg_catalog.strpos(
        pg_catalog.translate(pg_catalog.replace(' ' || {statement}, '(', '( '), '),;:[]', '      '),
        ' ' || name.written || '(') > 0
    ELSE pg_catalog.strpos(
        pg_catalog.translate(' ' || {statement} || ' ', '(),;:[]', '       '),
        pg_catalog.translate(' ' || name.written || ' ', '(),;:[]', '       ')) > 0 END
ORDER BY o.catalog, o.oid
