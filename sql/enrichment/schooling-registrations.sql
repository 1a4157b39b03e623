-- The former name of the learners table, which reports still use.
-- requires-table: organization-learners
-- unless-table: schooling-registrations
CREATE VIEW "schooling-registrations" AS SELECT * FROM "organization-learners";
