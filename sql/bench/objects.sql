-- Large objects from 1 KiB to 64 KiB, with the table that lists them.
\set ON_ERROR_STOP on
CREATE TABLE attachments (id integer PRIMARY KEY, object oid NOT NULL);
INSERT INTO attachments
SELECT n, lo_from_bytea(0, decode(repeat(md5(n::text), 32 * (1 + n % 64)), 'hex'))
FROM generate_series(1, (:scale * 40)::int) n;
