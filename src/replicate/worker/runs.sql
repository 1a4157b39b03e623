CREATE TABLE IF NOT EXISTS nocturne.runs (
    id text PRIMARY KEY,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text NOT NULL,
    record jsonb NOT NULL
);
COMMENT ON TABLE nocturne.runs IS 'Runs of nocturne, for its status page';
