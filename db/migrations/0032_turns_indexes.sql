-- no transaction
-- Whoever looks for the next job, or for a new job's turn, reads a few rows, however many wait (db/jobs/turns.py).

-- The line of a queue: people's jobs, and background jobs.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_line
    ON jobs (queue, (CASE WHEN priority < 10 THEN 0 ELSE 1 END), turn, coalesce(turn_id, id)) WHERE state = 'queued' AND lined;
-- The line within an account.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_account_line
    ON jobs (coalesce(account_id, 0), queue, (CASE WHEN priority < 10 THEN 0 ELSE 1 END), person_turn, id)
    WHERE state = 'queued' AND lined;
-- The last turn of an account, and of a person in it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_account_turns
    ON jobs (coalesce(account_id, 0), queue, (CASE WHEN priority < 10 THEN 0 ELSE 1 END), turn, coalesce(turn_id, id))
    WHERE state = 'running' OR (state = 'queued' AND lined);
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_person_turns
    ON jobs (coalesce(account_id, 0), coalesce(user_id, 0), queue, (CASE WHEN priority < 10 THEN 0 ELSE 1 END),
        person_turn) WHERE state = 'running' OR (state = 'queued' AND lined);
-- The turns in service.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_served
    ON jobs (queue, (CASE WHEN priority < 10 THEN 0 ELSE 1 END), turn) WHERE state = 'running';
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_account_served
    ON jobs (coalesce(account_id, 0), queue, (CASE WHEN priority < 10 THEN 0 ELSE 1 END), person_turn)
    WHERE state = 'running';
-- What is queued and not in line: it waits for its time, or has just become due.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_unlined ON jobs (queue, run_after) WHERE state = 'queued' AND NOT lined;
