-- Changes of definitions, at most one for a seed. psql runs the statement that is returned.

SELECT (ARRAY[
    'ALTER TABLE %1$s ADD added_%2$s integer DEFAULT 7',
    'CREATE INDEX "index %2$s" ON %1$s ((1))',
    'COMMENT ON TABLE %1$s IS ''night %2$s''',
    'CREATE VIEW public.view_%2$s AS SELECT count(*) FROM %1$s',
    'CREATE MATERIALIZED VIEW public.matview_%2$s AS SELECT count(*) FROM %1$s',
    'CREATE TABLE public.table_%2$s AS SELECT n FROM generate_series(1, 100) n',
    'ALTER TABLE %1$s ADD CONSTRAINT check_%2$s CHECK (true) NOT VALID',
    'DROP TABLE %1$s',
    'ALTER TABLE %1$s SET (fillfactor = 80)'
])[1 + ('x' || substr(md5(:'seed'), 1, 7))::bit(28)::int % 9] AS template \gset

SELECT format(:'template', name, :'seed')
FROM (SELECT format('%I.%I', nspname, relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^pg_'
        AND nspname NOT IN ('information_schema', 'nocturne')
    ORDER BY md5(relname || :'seed') LIMIT 1) t \gexec
