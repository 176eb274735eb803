-- What is read on every event, and the order of answers, must not depend on how much was said before.

-- Answers leave a chat in the order in which they were asked for.
ALTER TABLE outbox ADD COLUMN asked_at timestamptz NOT NULL DEFAULT now();

CREATE INDEX outbox_chats ON outbox (platform, conversation_id, asked_at, id)
    WHERE ordered AND state IN ('pending', 'sending');
CREATE INDEX outbox_new ON outbox (platform, asked_at) WHERE state = 'pending' AND attempts = 0 AND ordered;
CREATE INDEX outbox_due ON outbox (platform, not_before) WHERE state = 'pending' AND (attempts > 0 OR NOT ordered);
CREATE INDEX outbox_leases ON outbox (platform, lease_expires) WHERE state = 'sending';
CREATE INDEX outbox_counted ON outbox (state) WHERE state IN ('pending', 'sending', 'dead');
CREATE INDEX outbox_over ON outbox (created_at) WHERE state IN ('sent', 'superseded', 'dead');
DROP INDEX outbox_conversation;
CREATE INDEX outbox_conversation ON outbox (conversation_id, id);

CREATE INDEX jobs_chats ON jobs (conversation_id, id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_leases ON jobs (lease_expires) WHERE state = 'running';
CREATE INDEX jobs_suspects ON jobs (queue, priority, id) WHERE state = 'queued' AND attempt > 0;
CREATE INDEX jobs_joining ON jobs (id) WHERE state = 'waiting' AND joining;
CREATE INDEX jobs_counted ON jobs (state) WHERE state IN ('queued', 'running', 'waiting', 'dead');
CREATE INDEX jobs_over ON jobs (finished_at) WHERE state IN ('done', 'dead', 'cancelled');
CREATE INDEX jobs_event ON jobs (event_key) WHERE event_key IS NOT NULL;
CREATE INDEX artifacts_created ON artifacts (created_at);
CREATE INDEX ai_tasks_started ON ai_tasks (started_at);
CREATE INDEX pictures_attached ON pictures (created_at) WHERE kind = 'attached';
CREATE INDEX late_updates_created ON late_updates (created_at);
CREATE INDEX awaited_files_created ON awaited_files (created_at);
CREATE INDEX accounts_external ON accounts (external_id, platform);
CREATE INDEX stories_listed ON stories (account_id, owner_id, updated_at DESC, id DESC);

-- When somebody last wrote in a conversation: after a restart the latest ones are caught up.
ALTER TABLE conversations ADD COLUMN active_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX conversations_watched ON conversations (platform, active_at DESC)
    WHERE kind = 'dm' OR (kind = 'thread' AND story_id IS NOT NULL);

CREATE INDEX chat_messages_told ON chat_messages (conversation_id, persona_id, epoch, id) INCLUDE (reply_to_id)
    WHERE state = 'ready' AND chosen;
