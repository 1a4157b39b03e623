-- Knowledge elements by day: see users.sql.
-- requires-table: knowledge-elements
CREATE INDEX IF NOT EXISTS "knowledge-elements_createdAt_idx"
    ON "knowledge-elements" (cast("createdAt" AT TIME ZONE 'UTC+1' AS date) DESC);
