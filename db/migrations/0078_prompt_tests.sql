-- An account's own prompts for one task: for a story, or for a type of jobs.
CREATE TABLE task_prompts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    story_id   bigint REFERENCES stories ON DELETE CASCADE,
    job_type   text,
    name       text NOT NULL,
    source     text NOT NULL,
    updated_by bigint REFERENCES users ON DELETE SET NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    limit_hits smallint NOT NULL DEFAULT 0,
    verdict    text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused')),
    CHECK (num_nonnulls(story_id, job_type) = 1)
);
CREATE UNIQUE INDEX task_prompts_name ON task_prompts (account_id, coalesce(story_id, 0), coalesce(job_type, ''), name);
CREATE INDEX task_prompts_story ON task_prompts (story_id) WHERE story_id IS NOT NULL;
CREATE INDEX task_prompts_author ON task_prompts (updated_by) WHERE updated_by IS NOT NULL;

-- Tests of several variants of a prompt: each conversation, and each story, keeps to one of them.
CREATE TABLE prompt_tests (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    persona_id bigint REFERENCES personas ON DELETE CASCADE,
    job_type   text,
    name       text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,                                -- NULL: it runs
    CHECK (num_nonnulls(persona_id, job_type) <= 1)
);
CREATE UNIQUE INDEX prompt_tests_running
    ON prompt_tests (account_id, coalesce(persona_id, 0), coalesce(job_type, ''), name) WHERE ended_at IS NULL;
CREATE INDEX prompt_tests_account ON prompt_tests (account_id, name);
CREATE INDEX prompt_tests_persona ON prompt_tests (persona_id) WHERE persona_id IS NOT NULL;

CREATE TABLE prompt_variants (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    test_id    bigint NOT NULL REFERENCES prompt_tests ON DELETE CASCADE,
    name       text NOT NULL,                              -- of the prompt
    label      text NOT NULL,                              -- A: what there is without the test
    share      smallint NOT NULL CHECK (share BETWEEN 0 AND 100),
    source     text NOT NULL,
    updated_by bigint REFERENCES users ON DELETE SET NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    limit_hits smallint NOT NULL DEFAULT 0,
    verdict    text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused')),
    UNIQUE (test_id, label)
);
CREATE INDEX prompt_variants_account ON prompt_variants (account_id);
CREATE INDEX prompt_variants_author ON prompt_variants (updated_by) WHERE updated_by IS NOT NULL;

-- What was written by a variant.
CREATE TABLE tested_texts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    variant_id bigint NOT NULL REFERENCES prompt_variants ON DELETE CASCADE,
    page_id    bigint REFERENCES pages ON DELETE CASCADE,
    message_id bigint REFERENCES chat_messages ON DELETE CASCADE,
    CHECK (num_nonnulls(page_id, message_id) = 1)
);
CREATE UNIQUE INDEX tested_texts_page ON tested_texts (page_id, variant_id) WHERE page_id IS NOT NULL;
CREATE UNIQUE INDEX tested_texts_message ON tested_texts (message_id, variant_id) WHERE message_id IS NOT NULL;
CREATE INDEX tested_texts_variant ON tested_texts (variant_id);
