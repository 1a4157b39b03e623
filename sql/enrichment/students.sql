-- The name that schooling registrations had before.
-- depends: schooling-registrations
-- requires-table: schooling-registrations
-- unless-table: students
CREATE VIEW "students" AS SELECT * FROM "schooling-registrations";
