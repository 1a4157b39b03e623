-- requires-table: schooling-registrations
-- The old name of the table, for queries that still have it.
CREATE OR REPLACE VIEW "students" AS SELECT * FROM "schooling-registrations";
