-- The types of a table's columns, each as the chain of pg_type rows from the declared type down to
-- the type that holds the value: domains lead to their base type, arrays to their element type.
-- `kinds` has one letter per type: a array, d domain, e enum, t like text (with the input and
-- receive functions of the type text, as citext has), o anything else.
-- The placeholder in braces is replaced by the table's OID or a string literal that names it.
WITH RECURSIVE chain AS (
    SELECT a.attnum, a.attname, 0 AS step, a.atttypid AS oid
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = {table}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT c.attnum, c.attname, c.step + 1,
           CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END
    FROM chain c JOIN pg_catalog.pg_type t ON t.oid = c.oid
    WHERE t.typtype = 'd'
       OR t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc
)
SELECT c.attname,
       pg_catalog.string_agg(c.oid::pg_catalog.text, ' ' ORDER BY c.step) AS oids,
       pg_catalog.string_agg(CASE
           WHEN t.typtype = 'd' THEN 'd'
           WHEN t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc THEN 'a'
           WHEN t.typtype = 'e' THEN 'e'
           WHEN t.typtype = 'b' AND i.prosrc = 'textin' AND r.prosrc = 'textrecv'
               AND i.prolang = 12 AND r.prolang = 12 AND t.typdelim = ',' THEN 't'
           ELSE 'o' END, ' ' ORDER BY c.step) AS kinds
FROM chain c
JOIN pg_catalog.pg_type t ON t.oid = c.oid
LEFT JOIN pg_catalog.pg_proc i ON i.oid = t.typinput
LEFT JOIN pg_catalog.pg_proc r ON r.oid = t.typreceive
GROUP BY c.attnum, c.attname
ORDER BY c.attnum
