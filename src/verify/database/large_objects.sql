-- The length of large objects and the SHA-256 of the SHA-256s of their parts, computed on the
-- server. The placeholders in braces are replaced by OIDs and by a part's length. Each descriptor
-- is closed in the row that opened it.
SELECT o.oid, o.size, pg_catalog.encode(pg_catalog.sha256(COALESCE((
           SELECT pg_catalog.string_agg(
               pg_catalog.sha256(pg_catalog.lo_get(o.oid, (part - 1) * {length}, {length})),
               ''::pg_catalog.bytea ORDER BY part)
           FROM pg_catalog.generate_series(1::bigint, (o.size + {length} - 1) / {length}) part
       ), ''::pg_catalog.bytea)), 'hex')
FROM (
    SELECT opened.oid, pg_catalog.lo_lseek64(opened.descriptor, 0, 2) AS size,
           pg_catalog.lo_close(opened.descriptor) AS closed
    FROM (
        SELECT m.oid, pg_catalog.lo_open(m.oid, 262144) AS descriptor
        FROM pg_catalog.pg_largeobject_metadata m
        WHERE m.oid = ANY ('{oids}')
        OFFSET 0
    ) opened
    OFFSET 0
) o
