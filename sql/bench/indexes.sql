-- Index-heavy: two tables with a dozen indexes and constraints each.
\set ON_ERROR_STOP on
CREATE TABLE events (
    id bigint NOT NULL,
    code text NOT NULL,
    kind integer NOT NULL,
    owner integer NOT NULL,
    amount numeric(12, 2) NOT NULL,
    at timestamp with time zone NOT NULL,
    label text NOT NULL,
    tags integer[] NOT NULL
);
INSERT INTO events
SELECT n, md5(n::text), hashint8(n) % 100, abs(hashint8(n * 5)) % 20000, (abs(hashint8(n * 7)) % 1000000) / 100.0,
    '2024-01-01'::timestamptz + (hashint8(n) % 10000000) * interval '1 second', 'event ' || abs(hashint8(n)) % 50000,
    ARRAY[n % 11, n % 13, n % 17]
FROM generate_series(1, (:scale * 4000)::bigint) n;
CREATE TABLE events_archive AS SELECT * FROM events;
ALTER TABLE events_archive ALTER id SET NOT NULL, ALTER code SET NOT NULL;
SELECT format(
    'ALTER TABLE %1$s ADD CONSTRAINT %1$s_pkey PRIMARY KEY (id);
     ALTER TABLE %1$s ADD CONSTRAINT %1$s_code_key UNIQUE (code);
     CREATE INDEX %1$s_kind ON %1$s (kind);
     CREATE INDEX %1$s_owner ON %1$s (owner);
     CREATE INDEX %1$s_amount ON %1$s (amount);
     CREATE INDEX %1$s_at ON %1$s (at);
     CREATE INDEX %1$s_day ON %1$s (((at AT TIME ZONE ''UTC'')::date) DESC);
     CREATE INDEX %1$s_label ON %1$s (label);
     CREATE INDEX %1$s_lower ON %1$s (lower(label));
     CREATE INDEX %1$s_owner_at ON %1$s (owner, at);
     CREATE INDEX %1$s_large ON %1$s (amount) WHERE amount > 5000;
     CREATE INDEX %1$s_tags ON %1$s USING gin (tags);', name)
FROM (VALUES ('events'), ('events_archive')) tables (name) \gexec
