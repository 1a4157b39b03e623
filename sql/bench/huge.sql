-- One huge table and nothing else: how fast is a restore without any parallel work?
\set ON_ERROR_STOP on
CREATE TABLE measurements (
    id bigint NOT NULL,
    sensor integer NOT NULL,
    at timestamp with time zone NOT NULL,
    value double precision NOT NULL,
    unit character varying(8) NOT NULL,
    note text
);
INSERT INTO measurements
SELECT n, hashint8(n) % 5000, '2024-01-01'::timestamptz + n * interval '0.7 second',
    (hashint8(n * 3) % 1000000) / 1000.0, 'kWh', md5(n::text)
FROM generate_series(1, (:scale * 40000)::bigint) n;
ALTER TABLE measurements ADD CONSTRAINT measurements_pkey PRIMARY KEY (id);
