-- Every foreign key has an index: without one, each deleted row costs a scan of every table that may refer to it.

CREATE INDEX artifacts_parent ON artifacts (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX chat_messages_persona ON chat_messages (persona_id);
CREATE INDEX chat_messages_user ON chat_messages (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX choices_user ON choices (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX conversations_account ON conversations (account_id);
CREATE INDEX conversations_persona ON conversations (persona_id) WHERE persona_id IS NOT NULL;
CREATE INDEX drafts_user ON drafts (user_id);
CREATE INDEX jobs_account ON jobs (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_conversation ON jobs (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX jobs_user ON jobs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX outbox_conversation ON outbox (conversation_id);
CREATE INDEX personas_account ON personas (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX pictures_conversation ON pictures (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX pictures_persona ON pictures (persona_id) WHERE persona_id IS NOT NULL;
CREATE INDEX pictures_source ON pictures (source_id) WHERE source_id IS NOT NULL;
CREATE INDEX pictures_user ON pictures (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX prompt_overrides_persona ON prompt_overrides (persona_id) WHERE persona_id IS NOT NULL;
CREATE INDEX prompt_overrides_updated_by ON prompt_overrides (updated_by) WHERE updated_by IS NOT NULL;
CREATE INDEX stories_account ON stories (account_id);
CREATE INDEX stories_conversation ON stories (conversation_id);
CREATE INDEX stories_cursor ON stories (cursor_id) WHERE cursor_id IS NOT NULL;
