-- What a story, a chat or a project has its models told besides what follows from its rows: pins, filters, elements of its
-- own; and what they were told last. One session each, and copies that people make to try something.

CREATE TABLE context_sessions (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    user_id         bigint REFERENCES users ON DELETE CASCADE,            -- who made a copy or a project
    kind            text NOT NULL CHECK (kind IN ('story', 'chat', 'project')),
    story_id        bigint REFERENCES stories ON DELETE CASCADE,
    conversation_id bigint REFERENCES conversations ON DELETE CASCADE,
    persona_id      bigint REFERENCES personas ON DELETE CASCADE,
    epoch           integer,                                              -- of a chat; a reset empties its session
    copied_from     bigint REFERENCES context_sessions ON DELETE SET NULL,
    name            text NOT NULL DEFAULT '',
    elements        jsonb NOT NULL DEFAULT '[]',                          -- of its own, with their texts
    pins            jsonb NOT NULL DEFAULT '[]',                          -- ids of elements that are always told
    filters         jsonb NOT NULL DEFAULT '{}',                          -- what is left out, by kind, tag or id
    build           jsonb NOT NULL DEFAULT '{}',                          -- the last build, without texts
    built_at        timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'story') = (story_id IS NOT NULL)),
    CHECK ((kind = 'chat') = (conversation_id IS NOT NULL AND persona_id IS NOT NULL AND epoch IS NOT NULL)),
    CHECK (user_id IS NOT NULL OR (elements = '[]' AND name = ''))
);
CREATE UNIQUE INDEX context_sessions_of_story ON context_sessions (story_id)
    WHERE story_id IS NOT NULL AND user_id IS NULL;
CREATE UNIQUE INDEX context_sessions_of_chat ON context_sessions (conversation_id, persona_id)
    WHERE conversation_id IS NOT NULL AND user_id IS NULL;
CREATE INDEX context_sessions_account ON context_sessions (account_id, id);
CREATE INDEX context_sessions_user ON context_sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX context_sessions_story ON context_sessions (story_id) WHERE story_id IS NOT NULL;
CREATE INDEX context_sessions_conversation ON context_sessions (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX context_sessions_persona ON context_sessions (persona_id) WHERE persona_id IS NOT NULL;
CREATE INDEX context_sessions_copied ON context_sessions (copied_from) WHERE copied_from IS NOT NULL;
