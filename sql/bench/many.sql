-- Two thousand small tables: the cost of each table besides its rows.
\set ON_ERROR_STOP on
SELECT set_config('bench.rows', greatest(1, (:scale * 2)::int)::text, false) \g /dev/null
-- One transaction each: a single one would exceed the server's lock table.
CREATE PROCEDURE make_tables() LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1..2000 LOOP
        EXECUTE format(
            'CREATE TABLE t%1$s (id integer NOT NULL, name text NOT NULL, "createdAt" timestamp with time zone);
             INSERT INTO t%1$s SELECT i, md5(i::text), ''2024-01-01''::timestamptz + i * interval ''1 hour''
                 FROM generate_series(1, %2$s) i;
             ALTER TABLE t%1$s ADD CONSTRAINT t%1$s_pkey PRIMARY KEY (id);
             CREATE INDEX t%1$s_name_idx ON t%1$s (name);', n, current_setting('bench.rows'));
        COMMIT;
    END LOOP;
END $$;
CALL make_tables();
DROP PROCEDURE make_tables();
