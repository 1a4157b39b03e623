-- requires-table: organization-learners
-- unless-table: schooling-registrations
-- The old name of the table, for queries that still have it.
CREATE OR REPLACE VIEW "schooling-registrations" AS SELECT * FROM "organization-learners";
