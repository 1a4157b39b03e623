-- The functions, operators and types that a statement names. Names are compared between spaces,
-- because the text after a name may continue it; those of functions with the parenthesis of a call,
-- because a table may have the same name.
WITH named (catalog, oid, name) AS (
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::oid, oid, proname FROM pg_catalog.pg_proc
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprname FROM pg_catalog.pg_operator
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typname FROM pg_catalog.pg_type
), candidates (catalog, oid) AS MATERIALIZED (
    SELECT catalog, oid FROM named
    -- As quoted, a name has its quotation marks twice.
    WHERE oid >= 16384 AND pg_catalog.strpos({statement}, pg_catalog.replace(name, '"', '""')) > 0
    -- The name of an array type is not written: that of its elements is.
    UNION
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, a.oid
    FROM pg_catalog.pg_type a JOIN pg_catalog.pg_type e ON e.typarray = a.oid
    WHERE e.oid >= 16384 AND pg_catalog.strpos({statement}, pg_catalog.replace(e.typname, '"', '""')) > 0
)
SELECT o.catalog, o.oid
FROM candidates o
CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(o.catalog, o.oid, 0) object
CROSS JOIN LATERAL (
    -- Names of types are complete.
    SELECT CASE WHEN pg_catalog.cardinality(object.object_names) = 1 THEN object.object_names[1]
        ELSE pg_catalog.quote_ident(object.object_names[1]) || '.' ||
            CASE object.type WHEN 'operator' THEN object.object_names[2]
                ELSE pg_catalog.quote_ident(object.object_names[2]) END END
) name (written)
WHERE CASE o.catalog WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN pg_catalog.strpos(
        pg_catalog.translate(pg_catalog.replace(' ' || {statement}, '(', '( '), '),;:[]', '      '),
        pg_catalog.translate(pg_catalog.replace(' ' || name.written, '(', '( '), '),;:[]', '      ')
            || '(') > 0
    ELSE pg_catalog.strpos(
        pg_catalog.translate(' ' || {statement} || ' ', '(),;:[]', '       '),
        pg_catalog.translate(' ' || name.written || ' ', '(),;:[]', '       ')) > 0 END
ORDER BY o.catalog, o.oid
