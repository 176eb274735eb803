-- no transaction
-- What is to be erased is looked for every hour.

CREATE INDEX CONCURRENTLY IF NOT EXISTS accounts_closed ON accounts (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS accounts_left ON accounts (left_at) WHERE left_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_closed ON users (closed_at) WHERE closed_at IS NOT NULL;
