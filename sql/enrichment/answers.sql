-- Answers to a challenge.
-- requires-table: answers
CREATE INDEX IF NOT EXISTS "answers_challengeId_idx" ON "answers" ("challengeId");
