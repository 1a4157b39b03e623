-- What a day does to the rows of a database: psql runs the statements that these queries return.
-- A statement that fails changes nothing, which is as good. :seed decides what happens to a table.

CREATE TEMP TABLE played AS
SELECT c.oid, format('%I.%I', nspname, relname) AS name,
    (('x' || substr(md5(nspname || '.' || relname || :'seed'), 1, 8))::bit(32)::bigint) AS luck
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^pg_'
    AND nspname NOT IN ('information_schema', 'nocturne');

-- Columns that can be written, with the value of another row that is unique as well, and a new value.
CREATE TEMP TABLE columns AS
SELECT played.oid, attnum, quote_ident(attname) AS name, is_unique, format(
        CASE WHEN NOT is_unique THEN '%1$I'
            WHEN typcategory = 'N' THEN '%1$I + (SELECT max(%1$I) FROM ONLY %2$s)'
            WHEN typcategory = 'S' THEN '%1$I || ''+'''
            ELSE '%1$I' END, attname, played.name) AS another,
    format(
        CASE typcategory WHEN 'N' THEN '%1$I + 1' WHEN 'S' THEN '%1$I || ''.'''
            WHEN 'D' THEN '%1$I + interval ''1 day''' WHEN 'B' THEN 'NOT %1$I'
            ELSE '%1$I' END, attname) AS changed
FROM played JOIN pg_attribute ON attrelid = played.oid JOIN pg_type t ON t.oid = atttypid,
    LATERAL (SELECT EXISTS (SELECT FROM pg_index
        WHERE indrelid = attrelid AND indisunique AND attnum = ANY (indkey)) AS is_unique) i
WHERE attnum > 0 AND NOT attisdropped AND attgenerated = '';

-- Which rows: spread over the table, one range, all.
CREATE TEMP TABLE chosen AS
SELECT played.*, CASE luck / 16 % 8
        WHEN 0 THEN 'true'
        WHEN 1 THEN format('ctid IN (SELECT ctid FROM ONLY %s OFFSET %s LIMIT 40)', name, luck % 7)
        WHEN 2 THEN 'hashtext(ctid::text) % 2 = 0'
        WHEN 3 THEN 'hashtext(ctid::text) % 30 = 0'
        ELSE 'hashtext(ctid::text) % 8 = 0' END AS which
FROM played;

SELECT CASE luck % 16
    WHEN 0 THEN format('DELETE FROM ONLY %s WHERE %s', name, which)
    WHEN 1 THEN format('DELETE FROM ONLY %s WHERE hashtext(ctid::text) %% 9 = 1', name)
    WHEN 2 THEN CASE WHEN luck / 4096 % 4 = 0 THEN format('TRUNCATE ONLY %s', name) END
    WHEN 3 THEN format('VACUUM FULL %s', name)
    WHEN 4 THEN format('VACUUM %s', name)
    -- With an index it would change a definition, so this fails unless the table has one.
    WHEN 5 THEN format('CLUSTER %s', name)
    -- New versions of equal rows.
    WHEN 6 THEN format('UPDATE ONLY %s SET %2$s = %2$s WHERE %3$s', name,
        (SELECT c.name FROM columns c WHERE c.oid = chosen.oid LIMIT 1), which)
    WHEN 7 THEN format('UPDATE ONLY %s SET %s WHERE %s', name,
        (SELECT string_agg(format('%s = %s', c.name, changed), ', ') FROM columns c
            WHERE c.oid = chosen.oid AND NOT is_unique), which)
    WHEN 8 THEN format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM ONLY %1$s
        WHERE %3$s', name, (SELECT string_agg(c.name, ', ') FROM columns c
            WHERE c.oid = chosen.oid), which)
END AS statement FROM chosen \gexec

-- Often, and last: an old row is a template of a new one, a column of some rows changes.
SELECT format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %3$s FROM ONLY %1$s LIMIT %4$s',
    name, (SELECT string_agg(c.name, ', ' ORDER BY attnum) FROM columns c WHERE c.oid = chosen.oid),
    (SELECT string_agg(another, ', ' ORDER BY attnum) FROM columns c WHERE c.oid = chosen.oid),
    luck % 60)
FROM chosen WHERE luck / 256 % 3 = 0 \gexec

SELECT format('UPDATE ONLY %s SET %s = %s WHERE %s', chosen.name, c.name, changed, which)
FROM chosen JOIN LATERAL (SELECT * FROM columns c WHERE c.oid = chosen.oid AND NOT is_unique
    ORDER BY md5(attnum || :'seed') LIMIT 1) c ON true
WHERE luck / 1024 % 3 = 0 \gexec

-- The table that is large enough to be replaced.
SELECT format('UPDATE public.nights SET note = note || ''.'' WHERE id %% %s = 0',
    (ARRAY[1, 3, 50, 20000])[1 + abs(hashtext(:'seed') % 4)]) \gexec

SELECT format('SELECT nextval(%L)', format('%I.%I', schemaname, sequencename))
FROM pg_sequences WHERE hashtext(sequencename || :'seed') % 4 = 0 \gexec
