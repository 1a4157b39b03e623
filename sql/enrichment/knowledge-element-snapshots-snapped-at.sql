-- requires-table: knowledge-element-snapshots
CREATE INDEX IF NOT EXISTS "knowledge-element-snapshots_snappedAt_cast_date" ON "knowledge-element-snapshots" (cast("snappedAt" AT TIME ZONE 'UTC+1' as date) DESC);
