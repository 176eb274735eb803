-- no transaction
-- What is read on every event must not depend on how much was said before: an index for each such question.

CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_chats ON outbox (platform, conversation_id, asked_at, id)
    WHERE ordered AND state IN ('pending', 'sending');
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_new ON outbox (platform, asked_at)
    WHERE state = 'pending' AND attempts = 0 AND ordered;
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_due ON outbox (platform, not_before)
    WHERE state = 'pending' AND (attempts > 0 OR NOT ordered);
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_leases ON outbox (platform, lease_expires) WHERE state = 'sending';
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_dead ON outbox (id) WHERE state = 'dead';
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_over ON outbox (created_at)
    WHERE state IN ('sent', 'superseded', 'dead');
DROP INDEX CONCURRENTLY IF EXISTS outbox_conversation;
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_conversation ON outbox (conversation_id, id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_queued ON jobs (queue, priority, id) WHERE state = 'queued';
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_suspects ON jobs (queue, priority, id)
    WHERE state = 'queued' AND attempt > 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_chats ON jobs (conversation_id, id)
    WHERE state IN ('queued', 'running');
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_leases ON jobs (lease_expires) WHERE state = 'running';
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_joining ON jobs (id) WHERE state = 'waiting' AND joining;
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_counted ON jobs (state) WHERE state IN ('waiting', 'dead');
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_over ON jobs (finished_at) WHERE state IN ('done', 'dead', 'cancelled');
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_event ON jobs (event_key) WHERE event_key IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS artifacts_created ON artifacts (created_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS ai_tasks_started ON ai_tasks (started_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS pictures_attached ON pictures (created_at) WHERE kind = 'attached';
CREATE INDEX CONCURRENTLY IF NOT EXISTS late_updates_created ON late_updates (created_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS awaited_files_created ON awaited_files (created_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS accounts_external ON accounts (external_id, platform);
CREATE INDEX CONCURRENTLY IF NOT EXISTS stories_listed ON stories (account_id, owner_id, updated_at DESC, id DESC);
CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_watched ON conversations (platform, active_at DESC)
    WHERE kind = 'dm' OR (kind = 'thread' AND story_id IS NOT NULL);
CREATE INDEX CONCURRENTLY IF NOT EXISTS chat_messages_told ON chat_messages (conversation_id, persona_id, epoch, id)
    INCLUDE (reply_to_id) WHERE state = 'ready' AND chosen;
