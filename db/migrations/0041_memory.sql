-- What is remembered of a story, or of what a persona and its people said in a conversation since the last reset: a row
-- for each, what is to be done for it, and summaries of its past on several levels.

CREATE TABLE memories (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    story_id        bigint REFERENCES stories ON DELETE CASCADE,
    conversation_id bigint REFERENCES conversations ON DELETE CASCADE,
    persona_id      bigint REFERENCES personas ON DELETE CASCADE,
    epoch           integer,
    rating          text NOT NULL DEFAULT 'sfw',   -- what was allowed where the newest text was written
    read_to         bigint NOT NULL DEFAULT 0,     -- of a chat: facts were looked for up to this message of a person
    unread          integer NOT NULL DEFAULT 0,    -- pages or exchanges that have come since the last run
    changes         integer NOT NULL DEFAULT 0,    -- of texts that were there: what was read before is out of date
    forgotten       jsonb NOT NULL DEFAULT '[]',   -- words: sentences with one of them are not read again
    due_at          timestamptz,                   -- NULL: nothing is to be done
    job_id          bigint REFERENCES jobs ON DELETE SET NULL,  -- the last run
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((story_id IS NULL) = (conversation_id IS NOT NULL AND persona_id IS NOT NULL AND epoch IS NOT NULL))
);
CREATE UNIQUE INDEX memories_story ON memories (story_id) WHERE story_id IS NOT NULL;
CREATE UNIQUE INDEX memories_chat ON memories (conversation_id, persona_id, epoch) WHERE conversation_id IS NOT NULL;
CREATE INDEX memories_persona ON memories (persona_id) WHERE persona_id IS NOT NULL;
CREATE INDEX memories_job ON memories (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX memories_due ON memories (due_at) WHERE due_at IS NOT NULL;

-- A summary hangs on the page, or on the message, at which it ends: branches share what they have in common.
CREATE TABLE summaries (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    memory_id   bigint NOT NULL REFERENCES memories ON DELETE CASCADE,
    level       smallint NOT NULL CHECK (level >= 1),           -- 1: of pages or messages; above: of the level below
    page_id     bigint REFERENCES pages ON DELETE CASCADE,
    message_id  bigint REFERENCES chat_messages ON DELETE CASCADE,
    first       integer NOT NULL,                               -- positions on the way to its end, from 0
    last        integer NOT NULL,
    first_said  bigint,                                         -- of a chat: the persons' messages with which the
    last_said   bigint,                                         -- exchanges of its first and its last message begin
    previous_id bigint REFERENCES summaries ON DELETE SET NULL, -- the one before it on its level and its way
    jumps       integer[] NOT NULL DEFAULT '{}',                -- positions up to its end before which time has passed
    kind        text NOT NULL CHECK (kind IN ('dialogue', 'narration', 'plot')),
    text        text NOT NULL,
    source_hash text NOT NULL,                                  -- of the texts that it was made from
    version     text NOT NULL,                                  -- what made it
    stale       boolean NOT NULL DEFAULT false,                 -- something before its end has changed since
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((page_id IS NULL) <> (message_id IS NULL)),
    CHECK (first <= last)
);
CREATE UNIQUE INDEX summaries_page ON summaries (page_id, level) WHERE page_id IS NOT NULL;
CREATE UNIQUE INDEX summaries_place ON summaries (memory_id, level, last) WHERE message_id IS NOT NULL;
CREATE INDEX summaries_memory ON summaries (memory_id);
CREATE INDEX summaries_message ON summaries (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX summaries_previous ON summaries (previous_id) WHERE previous_id IS NOT NULL;

-- Whoever changes a text, or takes another variant of it: what was made from it is out of use at once.

CREATE FUNCTION forget_message() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said bigint := coalesce(OLD.reply_to_id, OLD.id);
    memory bigint := (SELECT id FROM memories WHERE conversation_id = OLD.conversation_id
        AND persona_id = OLD.persona_id AND epoch = OLD.epoch);
BEGIN
    IF memory IS NOT NULL THEN
        UPDATE summaries SET stale = true WHERE memory_id = memory AND last_said >= said AND NOT stale;
        UPDATE memories SET read_to = least(read_to, said - 1), changes = (changes + 1) % 1000000000,
            due_at = CASE WHEN FOUND OR read_to >= said THEN least(due_at, now() + interval '1 minute') ELSE due_at END
            WHERE id = memory;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_message AFTER UPDATE ON chat_messages FOR EACH ROW
    WHEN (OLD.text <> '' AND (NEW.text <> OLD.text OR NEW.chosen <> OLD.chosen OR NEW.verdict = 'refused'))
    EXECUTE FUNCTION forget_message();

-- What is deleted leaves nothing behind in a summary that goes on beyond it.
CREATE FUNCTION forget_deleted_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH hit AS (
        UPDATE memories m SET changes = (m.changes + 1) % 1000000000 FROM (
            SELECT conversation_id, persona_id, epoch, min(coalesce(reply_to_id, id)) AS first,
                max(coalesce(reply_to_id, id)) AS last FROM gone GROUP BY 1, 2, 3) g
        WHERE m.conversation_id = g.conversation_id AND m.persona_id = g.persona_id AND m.epoch = g.epoch
        RETURNING m.id, g.first, g.last)
    DELETE FROM summaries s USING hit
    WHERE s.memory_id = hit.id AND s.first_said <= hit.last AND s.last_said >= hit.first;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_deleted_messages AFTER DELETE ON chat_messages REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION forget_deleted_messages();

CREATE FUNCTION forget_page() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE summaries SET stale = true WHERE NOT stale AND page_id IN (
        WITH RECURSIVE behind AS (
            SELECT OLD.id UNION ALL SELECT p.id FROM pages p JOIN behind b ON p.parent_id = b.id)
        SELECT id FROM behind);
    UPDATE memories SET due_at = least(due_at, now() + interval '1 minute'), changes = (changes + 1) % 1000000000
        WHERE story_id = OLD.story_id;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_page AFTER UPDATE ON pages FOR EACH ROW
    WHEN (OLD.text <> '' AND NEW.text <> OLD.text) EXECUTE FUNCTION forget_page();
