-- Memory beside the summaries: facts, questions that are answered again and again, what is pinned, and a story's plot.
-- Everything hangs on the page or message it comes from, and holds on the ways that lead over it.

CREATE TABLE facts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    memory_id   bigint NOT NULL REFERENCES memories ON DELETE CASCADE,
    page_id     bigint REFERENCES pages ON DELETE CASCADE,          -- the source; what a person adds has neither
    message_id  bigint REFERENCES chat_messages ON DELETE CASCADE,
    user_id     bigint REFERENCES users ON DELETE CASCADE,          -- who said or added it; NULL: a persona or a page
    subject     text NOT NULL,
    text        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('person', 'place', 'promise', 'thing', 'event')),
    importance  smallint NOT NULL CHECK (importance BETWEEN 1 AND 10),
    present     jsonb NOT NULL DEFAULT '[]',                        -- names of those who were there
    valid_from  timestamptz NOT NULL DEFAULT now(),
    version     text NOT NULL,
    verdict     text NOT NULL DEFAULT 'checked' CHECK (verdict IN ('unchecked', 'checked', 'refused')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (page_id IS NULL OR message_id IS NULL)
);
CREATE INDEX facts_memory ON facts (memory_id, id);
CREATE INDEX facts_page ON facts (page_id) WHERE page_id IS NOT NULL;
CREATE INDEX facts_message ON facts (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX facts_user ON facts (user_id) WHERE user_id IS NOT NULL;

-- A fact that contradicts an older one is its successor, on the ways that lead over both.
CREATE TABLE fact_successions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fact_id      bigint NOT NULL REFERENCES facts ON DELETE CASCADE,
    successor_id bigint NOT NULL REFERENCES facts ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (fact_id, successor_id),
    CHECK (fact_id <> successor_id)
);
CREATE INDEX fact_successions_successor ON fact_successions (successor_id);

CREATE TABLE tracked_questions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    memory_id  bigint NOT NULL REFERENCES memories ON DELETE CASCADE,
    user_id    bigint REFERENCES users ON DELETE CASCADE,
    subject    text NOT NULL DEFAULT '',      -- the character or place that it is about; empty: the world
    question   text NOT NULL,
    attach     text NOT NULL DEFAULT 'always' CHECK (attach IN ('always', 'mention', 'search')),
    every      smallint NOT NULL CHECK (every >= 1),  -- pages or exchanges between two answers
    verdict    text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tracked_questions_memory ON tracked_questions (memory_id);
CREATE INDEX tracked_questions_user ON tracked_questions (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE tracked_answers (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    question_id bigint NOT NULL REFERENCES tracked_questions ON DELETE CASCADE,
    page_id     bigint REFERENCES pages ON DELETE CASCADE,          -- as of here
    message_id  bigint REFERENCES chat_messages ON DELETE CASCADE,
    text        text NOT NULL,
    version     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((page_id IS NULL) <> (message_id IS NULL))
);
CREATE UNIQUE INDEX tracked_answers_page ON tracked_answers (page_id, question_id) WHERE page_id IS NOT NULL;
CREATE UNIQUE INDEX tracked_answers_message ON tracked_answers (message_id, question_id) WHERE message_id IS NOT NULL;
CREATE INDEX tracked_answers_question ON tracked_answers (question_id);

CREATE TABLE pins (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    memory_id   bigint NOT NULL REFERENCES memories ON DELETE CASCADE,
    user_id     bigint REFERENCES users ON DELETE CASCADE,
    page_id     bigint REFERENCES pages ON DELETE CASCADE,          -- it holds from here on; NULL: everywhere
    message_id  bigint REFERENCES chat_messages ON DELETE CASCADE,
    fact_id     bigint REFERENCES facts ON DELETE CASCADE,          -- what is pinned, unless it is a text of its own
    text        text NOT NULL DEFAULT '',
    question_id bigint REFERENCES tracked_questions ON DELETE CASCADE,  -- only while its answer meets the rule
    test        text NOT NULL DEFAULT '' CHECK (test IN ('', 'is', 'is_not', 'has', 'has_not', 'known')),
    value       text NOT NULL DEFAULT '',
    verdict     text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (page_id IS NULL OR message_id IS NULL),
    CHECK ((fact_id IS NULL) = (text <> '')),
    CHECK ((question_id IS NULL) = (test = ''))
);
CREATE INDEX pins_memory ON pins (memory_id);
CREATE INDEX pins_user ON pins (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX pins_page ON pins (page_id) WHERE page_id IS NOT NULL;
CREATE INDEX pins_message ON pins (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX pins_fact ON pins (fact_id) WHERE fact_id IS NOT NULL;
CREATE INDEX pins_question ON pins (question_id) WHERE question_id IS NOT NULL;

CREATE TABLE plots (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    memory_id   bigint NOT NULL REFERENCES memories ON DELETE CASCADE,
    page_id     bigint NOT NULL UNIQUE REFERENCES pages ON DELETE CASCADE,  -- as of here
    content     jsonb NOT NULL,                -- outline, threads, characters
    version     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX plots_memory ON plots (memory_id);

-- What was learnt from a text goes with it, and so does what was answered about it or after it.

CREATE FUNCTION forget_learnt_from_message() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said bigint := coalesce(OLD.reply_to_id, OLD.id);
BEGIN
    DELETE FROM facts WHERE message_id = OLD.id;
    DELETE FROM tracked_answers a USING tracked_questions q, memories m WHERE a.question_id = q.id
        AND q.memory_id = m.id AND m.conversation_id = OLD.conversation_id AND m.persona_id = OLD.persona_id
        AND m.epoch = OLD.epoch AND a.message_id >= said;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_learnt_from_message AFTER UPDATE ON chat_messages FOR EACH ROW
    WHEN (OLD.text <> '' AND (NEW.text <> OLD.text OR NEW.chosen <> OLD.chosen OR NEW.verdict = 'refused'))
    EXECUTE FUNCTION forget_learnt_from_message();

CREATE FUNCTION forget_learnt_from_page() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    behind bigint[] := ARRAY (
        WITH RECURSIVE b AS (SELECT OLD.id UNION ALL SELECT p.id FROM pages p JOIN b ON p.parent_id = b.id)
        SELECT id FROM b);
BEGIN
    DELETE FROM facts WHERE page_id = OLD.id;
    DELETE FROM tracked_answers WHERE page_id = ANY (behind);
    DELETE FROM plots WHERE page_id = ANY (behind);
    RETURN NULL;
END $$;
CREATE TRIGGER forget_learnt_from_page AFTER UPDATE ON pages FOR EACH ROW
    WHEN (OLD.text <> '' AND NEW.text <> OLD.text) EXECUTE FUNCTION forget_learnt_from_page();
