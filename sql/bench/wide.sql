-- Wide rows: documents of some KiB as jsonb and as text, partly stored out of line.
\set ON_ERROR_STOP on
CREATE TABLE documents (
    id integer NOT NULL,
    content jsonb NOT NULL,
    body text NOT NULL
);
INSERT INTO documents
SELECT n,
    (SELECT jsonb_object_agg('key' || k, jsonb_build_object('label', md5((n * k)::text), 'rank', k, 'tags', jsonb_build_array(n % 7, k % 5, 'x')))
     FROM generate_series(1, 12) k),
    (SELECT string_agg(md5((n + k)::text), ' ') FROM generate_series(1, 60) k)
FROM generate_series(1, (:scale * 400)::int) n;
ALTER TABLE documents ADD CONSTRAINT documents_pkey PRIMARY KEY (id);
