-- Users by the day of their registration. Reports group by exactly this expression: PostgreSQL
-- reads the zone 'UTC+1' as one hour west of Greenwich, and another text would not use the index.
-- requires-table: users
CREATE INDEX IF NOT EXISTS "users_createdAt_idx"
    ON "users" (cast("createdAt" AT TIME ZONE 'UTC+1' AS date) DESC);
