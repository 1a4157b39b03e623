-- requires-table: users
-- The expression is the one that the analysts' queries have, to the letter.
CREATE INDEX IF NOT EXISTS "users_createdAt_cast_date" ON "users" (cast("createdAt" AT TIME ZONE 'UTC+1' as date) DESC);
