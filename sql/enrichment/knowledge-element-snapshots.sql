-- Snapshots of knowledge elements by day: see users.sql.
-- requires-table: knowledge-element-snapshots
CREATE INDEX IF NOT EXISTS "knowledge-element-snapshots_snappedAt_idx"
    ON "knowledge-element-snapshots" (cast("snappedAt" AT TIME ZONE 'UTC+1' AS date) DESC);
