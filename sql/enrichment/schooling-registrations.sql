-- The name that the table of learners had before: reports still use it.
-- requires-table: organization-learners
-- unless-table: schooling-registrations
CREATE VIEW "schooling-registrations" AS SELECT * FROM "organization-learners";
