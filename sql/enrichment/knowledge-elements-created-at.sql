-- requires-table: knowledge-elements
CREATE INDEX IF NOT EXISTS "knowledge-elements_createdAt_cast_date" ON "knowledge-elements" (cast("createdAt" AT TIME ZONE 'UTC+1' as date) DESC);
