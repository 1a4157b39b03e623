-- How many rows a table has, and how many of them are of transactions that are neither older than
-- {oldest} nor among {xids}. `age` compares with the same transaction ID for all rows of a query
-- (xid_age in src/backend/utils/adt/xid.c).
SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE NOT (
    pg_catalog.age(t.xmin) > pg_catalog.age('{oldest}'::pg_catalog.xid)
    OR t.xmin = ANY ('{xids}'::pg_catalog.xid[])))
FROM ONLY {table} t
