-- Answers leave a chat in the order in which they were asked for.
ALTER TABLE outbox ADD COLUMN asked_at timestamptz NOT NULL DEFAULT now();

-- When somebody last wrote in a conversation: after a restart the latest ones are caught up.
ALTER TABLE conversations ADD COLUMN active_at timestamptz NOT NULL DEFAULT now();
