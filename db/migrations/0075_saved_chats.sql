-- Several chats in one place: each is a stretch of the conversation between two resets, under a name, with a note of
-- its author's that its replies are told.
CREATE TABLE saved_chats (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    epoch           integer NOT NULL,
    persona_id      bigint REFERENCES personas ON DELETE SET NULL,  -- who talked there last
    author_id       bigint REFERENCES users ON DELETE SET NULL,     -- whose words it holds
    name            text NOT NULL DEFAULT '',
    note            text NOT NULL DEFAULT '',
    note_depth      smallint NOT NULL DEFAULT 4 CHECK (note_depth BETWEEN 0 AND 100),
    verdict         text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (conversation_id, epoch)
);
CREATE INDEX saved_chats_persona ON saved_chats (persona_id) WHERE persona_id IS NOT NULL;
CREATE INDEX saved_chats_author ON saved_chats (author_id) WHERE author_id IS NOT NULL;

-- The highest epoch so far, if the conversation has gone back to an earlier one.
ALTER TABLE conversations ADD COLUMN last_epoch integer NOT NULL DEFAULT 0;
