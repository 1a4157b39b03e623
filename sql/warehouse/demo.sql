-- The queries of `make demo`: row counts of some tables, and part of a view.
SELECT 'rows in ' || name AS what, rows
FROM (
    SELECT 1 AS place, 'answers' AS name, count(*) AS rows FROM answers
    UNION ALL SELECT 2, 'knowledge-elements', count(*) FROM "knowledge-elements"
    UNION ALL SELECT 3, 'assessments', count(*) FROM assessments
    UNION ALL SELECT 4, 'users', count(*) FROM users
) AS counted
ORDER BY place;

SELECT name, "learnersCount" || ' learners', "reconciledCount" || ' with an account'
FROM "organization-statistics"
ORDER BY "learnersCount" DESC, name
LIMIT 3;
