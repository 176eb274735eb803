-- The archive: what was said, written, learned and uploaded, in chunks that a search finds by their words (and by
-- vectors where an embedder is configured). A chunk belongs to one scope, and its search keys are hashes seeded with
-- that scope's id: a search cannot even name the keys of another scope.

CREATE TABLE archive_scopes (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('chat', 'story', 'persona', 'person', 'place')),
    conversation_id bigint REFERENCES conversations ON DELETE CASCADE,
    persona_id      bigint REFERENCES personas ON DELETE CASCADE,
    epoch           integer NOT NULL DEFAULT 0,
    story_id        bigint REFERENCES stories ON DELETE CASCADE,
    user_id         bigint REFERENCES users ON DELETE CASCADE,
    dictionaries    text[] NOT NULL DEFAULT '{}',   -- PostgreSQL's, by which its words were reduced to stems
    indexed_to      bigint NOT NULL DEFAULT 0,      -- chat: messages before this one have their chunks
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (CASE kind
        WHEN 'chat' THEN conversation_id IS NOT NULL AND persona_id IS NOT NULL
        WHEN 'story' THEN story_id IS NOT NULL
        WHEN 'persona' THEN persona_id IS NOT NULL
        WHEN 'person' THEN user_id IS NOT NULL
        ELSE true END)
);
-- Not unique: when two people or places become one, both their scopes stay, and a search reads both.
CREATE INDEX archive_scopes_account ON archive_scopes (account_id, kind);
CREATE INDEX archive_scopes_chat ON archive_scopes (conversation_id, persona_id, epoch) WHERE conversation_id IS NOT NULL;
CREATE INDEX archive_scopes_persona ON archive_scopes (persona_id) WHERE persona_id IS NOT NULL;
CREATE INDEX archive_scopes_story ON archive_scopes (story_id) WHERE story_id IS NOT NULL;
CREATE INDEX archive_scopes_user ON archive_scopes (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE archive_documents (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope_id   bigint NOT NULL REFERENCES archive_scopes ON DELETE CASCADE,
    user_id    bigint REFERENCES users ON DELETE CASCADE,   -- who added it
    kind       text NOT NULL DEFAULT 'upload' CHECK (kind IN ('upload', 'lore', 'note')),
    title      text NOT NULL,
    media_type text NOT NULL DEFAULT 'text/plain',
    bytes      integer NOT NULL DEFAULT 0,
    digest     text NOT NULL DEFAULT '',                    -- SHA-256 of what was uploaded
    verdict    text NOT NULL DEFAULT 'unchecked',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX archive_documents_scope ON archive_documents (scope_id, id);
CREATE INDEX archive_documents_user ON archive_documents (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE archive_chunks (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope_id    bigint NOT NULL REFERENCES archive_scopes ON DELETE CASCADE,
    source      text NOT NULL CHECK (source IN ('message', 'page', 'document')),
    message_id  bigint REFERENCES chat_messages ON DELETE CASCADE,
    page_id     bigint REFERENCES pages ON DELETE CASCADE,
    document_id bigint REFERENCES archive_documents ON DELETE CASCADE,
    part        integer NOT NULL DEFAULT 0,      -- of its source, from 0 on
    start       integer NOT NULL DEFAULT 0,      -- in characters of its source's text
    length      integer NOT NULL DEFAULT 0,
    text        text NOT NULL DEFAULT '',        -- a document's; messages and pages have their own
    position    bigint NOT NULL,                 -- in its scope and kind of source; neighbours differ by 1
    said_at     timestamptz NOT NULL DEFAULT now(),
    importance  smallint NOT NULL DEFAULT 5 CHECK (importance BETWEEN 1 AND 10),
    words       integer NOT NULL DEFAULT 0,
    keys        bigint[] NOT NULL,               -- hashextended(stem, scope_id)
    counts      smallint[] NOT NULL,             -- how often each occurs
    metadata    jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(message_id, page_id, document_id) = 1),
    CHECK (cardinality(keys) = cardinality(counts))
);
CREATE INDEX archive_chunks_position ON archive_chunks (scope_id, source, position);
CREATE UNIQUE INDEX archive_chunks_message ON archive_chunks (message_id, part) WHERE message_id IS NOT NULL;
CREATE UNIQUE INDEX archive_chunks_page ON archive_chunks (page_id, part) WHERE page_id IS NOT NULL;
CREATE UNIQUE INDEX archive_chunks_document ON archive_chunks (document_id, part) WHERE document_id IS NOT NULL;
-- Without a list of pending entries, which every search would have to read as well.
CREATE INDEX archive_chunks_keys ON archive_chunks USING gin (keys) WITH (fastupdate = off);

-- Vectors need no extension to be stored. Where pgvector is installed, an index over them is built at run time.
CREATE TABLE archive_vectors (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chunk_id bigint NOT NULL REFERENCES archive_chunks ON DELETE CASCADE,
    scope_id bigint NOT NULL REFERENCES archive_scopes ON DELETE CASCADE,
    model    text NOT NULL,                      -- vectors of different models are never compared
    numbers  real[] NOT NULL,
    UNIQUE (chunk_id, model)
);
CREATE INDEX archive_vectors_scope ON archive_vectors (scope_id, model);

-- What is derived from a text goes with it, whoever changes it: an edit, another variant, an erased person's words.
CREATE FUNCTION archive_forget_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM archive_chunks WHERE message_id = NEW.id;
    UPDATE archive_scopes SET indexed_to = coalesce(NEW.reply_to_id, NEW.id)
    WHERE conversation_id = NEW.conversation_id AND persona_id = NEW.persona_id AND epoch = NEW.epoch
        AND indexed_to > coalesce(NEW.reply_to_id, NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER archive_forget AFTER UPDATE OF text, chosen, verdict ON chat_messages FOR EACH ROW
    WHEN (OLD.text IS DISTINCT FROM NEW.text OR OLD.chosen <> NEW.chosen
        OR (NEW.verdict = 'refused' AND OLD.verdict <> 'refused'))
    EXECUTE FUNCTION archive_forget_message();

CREATE FUNCTION archive_forget_page() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM archive_chunks WHERE page_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER archive_forget AFTER UPDATE OF text ON pages FOR EACH ROW WHEN (OLD.text IS DISTINCT FROM NEW.text)
    EXECUTE FUNCTION archive_forget_page();
