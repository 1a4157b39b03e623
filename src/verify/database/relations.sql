-- Relations by schema and name, with their columns: a row for each column, one for a relation
-- without any. The placeholder in braces is replaced by rows of a number and the two names.
-- `attgenerated` is read through JSON because PostgreSQL before 12 lacks it. For a table that
-- belongs to an extension, pg_dump writes the rows that match the extension's condition
-- (`processExtensionTables` in `src/bin/pg_dump/pg_dump.c`); it begins with WHERE.
SELECT w.at, c.oid, c.relkind, pg_catalog.pg_relation_size(c.oid), a.attname,
       pg_catalog.to_jsonb(a) ->> 'attgenerated',
       (SELECT e.extcondition[pg_catalog.array_position(e.extconfig, c.oid)]
        FROM pg_catalog.pg_extension e WHERE c.oid = ANY (e.extconfig) LIMIT 1)
FROM (VALUES {wanted}) AS w (at, schema, name)
JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
LEFT JOIN pg_catalog.pg_attribute a
    ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY w.at, a.attnum
