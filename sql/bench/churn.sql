-- A day's changes to the warehouse database. psql variable:
--   churn   the share of changed rows in percent, of the tables below: of these, 45 % are appended, 45 %
--           updated all over the table, and 10 % deleted where no other table needs them
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET synchronous_commit = off;

CREATE TEMP TABLE changes AS
SELECT name, changed, may_delete, columns,
    (rows * :churn / 100 * 0.45)::bigint AS appended,
    greatest(2, (100 / greatest(:churn, 0.001) / 0.45)::bigint) AS every,
    greatest(2, (100 / greatest(:churn, 0.001) / 0.10)::bigint) AS every_deleted
FROM (VALUES
    ('answers', '"timeSpent" = "timeSpent" + 1', false),
    ('knowledge-elements', '"earnedPix" = "earnedPix" + 1', true),
    ('assessments', '"isImproving" = NOT "isImproving"', false),
    ('element-answers', 'correction = ''changed''', true),
    ('competence-evaluations', 'status = ''reset''', true),
    ('campaign-participations', '"participantExternalId" = ''changed''', false),
    ('feedbacks', 'content = ''changed''', true)
) tables (name, changed, may_delete),
LATERAL (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = quote_ident(name)::regclass AND attnum > 0 AND attname <> 'id') c (columns),
LATERAL (SELECT reltuples FROM pg_class WHERE oid = quote_ident(name)::regclass) r (rows)
WHERE :churn > 0;

SELECT statement FROM changes, LATERAL (VALUES
    (format('UPDATE %I SET %s WHERE id %% %s = 1', name, changed, every)),
    (CASE WHEN may_delete THEN format('DELETE FROM %I WHERE id %% %s = 2', name, every_deleted) END),
    (format('INSERT INTO %1$I (%2$s) SELECT %2$s FROM %1$I ORDER BY id DESC LIMIT %3$s', name, columns, appended))
) statements (statement)
WHERE statement IS NOT NULL
\gexec
