-- The former name of schooling registrations.
-- depends: schooling-registrations
-- requires-table: schooling-registrations
-- unless-table: students
CREATE VIEW "students" AS SELECT * FROM "schooling-registrations";
