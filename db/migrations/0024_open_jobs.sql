-- no transaction
-- The open jobs of a person and of an account are counted for each new one.

CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_open_user ON jobs (user_id) WHERE state IN ('queued', 'running');
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_open_account ON jobs (account_id) WHERE state IN ('queued', 'running');
