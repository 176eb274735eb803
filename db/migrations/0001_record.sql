-- Who and where: accounts own data, users act, conversations are where it happens.

CREATE TABLE accounts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform    text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('guild', 'dm', 'group', 'console')),
    external_id text NOT NULL,
    name        text NOT NULL DEFAULT '',
    settings    jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (platform, kind, external_id)
);

CREATE TABLE users (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform    text NOT NULL,
    external_id text NOT NULL,
    name        text NOT NULL DEFAULT '',
    language    text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (platform, external_id)
);

CREATE TABLE personas (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint REFERENCES accounts ON DELETE CASCADE,  -- NULL: ships with the product
    key        text NOT NULL,
    position   integer NOT NULL DEFAULT 0,
    name       text NOT NULL,
    card       jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX personas_key ON personas (coalesce(account_id, 0), key);

CREATE TABLE conversations (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    platform     text NOT NULL,
    chat_id      text NOT NULL,
    thread_id    text NOT NULL DEFAULT '',
    kind         text NOT NULL CHECK (kind IN ('dm', 'group', 'thread')),
    mode         text NOT NULL DEFAULT 'chat' CHECK (mode IN ('chat', 'story')),
    story_id     bigint,
    persona_id   bigint REFERENCES personas ON DELETE SET NULL,
    epoch        integer NOT NULL DEFAULT 0,      -- a chat reset starts a new one
    draft        jsonb,                           -- a form that is being asked field by field
    last_said    text NOT NULL DEFAULT '',        -- event id of the last plain text committed
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (platform, chat_id, thread_id)
);

-- Stories: a permanent tree of pages. The cursor is where the story is now; its revision counts the moves.

CREATE TABLE stories (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    owner_id        bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    title           text NOT NULL DEFAULT '',
    premise         text NOT NULL,
    genre           text NOT NULL DEFAULT '',
    language        text NOT NULL DEFAULT 'en',
    rating          text NOT NULL DEFAULT 'sfw' CHECK (rating IN ('sfw', 'suggestive', 'nsfw')),
    mode            text NOT NULL DEFAULT 'solo' CHECK (mode IN ('solo', 'open')),
    seed            bigint NOT NULL,
    cursor_id       bigint,
    revision        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stories_owner ON stories (owner_id, updated_at DESC);

CREATE TABLE pages (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    story_id      bigint NOT NULL REFERENCES stories ON DELETE CASCADE,
    parent_id     bigint REFERENCES pages ON DELETE CASCADE,
    choice_id     bigint,                         -- the choice that led here; NULL for a first page
    variant_index integer NOT NULL DEFAULT 0,
    number        integer NOT NULL DEFAULT 1,     -- 1 for a first page
    state         text NOT NULL CHECK (state IN ('pending', 'ready', 'failed', 'speculative')),
    chosen        boolean NOT NULL DEFAULT false, -- the story's cursor has stood here
    title         text NOT NULL DEFAULT '',
    text          text NOT NULL DEFAULT '',
    ending        boolean NOT NULL DEFAULT false,
    job_id        bigint,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((parent_id IS NULL) = (choice_id IS NULL))
);
CREATE INDEX pages_story ON pages (story_id);
CREATE INDEX pages_parent ON pages (parent_id);
CREATE UNIQUE INDEX pages_first_variant ON pages (story_id, variant_index) WHERE choice_id IS NULL;
CREATE UNIQUE INDEX pages_choice_variant ON pages (choice_id, variant_index) WHERE choice_id IS NOT NULL;

CREATE TABLE choices (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    page_id    bigint NOT NULL REFERENCES pages ON DELETE CASCADE,
    position   integer NOT NULL CHECK (position >= 1),
    text       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('bold', 'careful', 'curious', 'own')),
    user_id    bigint REFERENCES users ON DELETE SET NULL,  -- who wrote it, for kind 'own'
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (page_id, position)
);

ALTER TABLE pages ADD CONSTRAINT pages_choice_fk FOREIGN KEY (choice_id) REFERENCES choices ON DELETE CASCADE;
ALTER TABLE stories ADD CONSTRAINT stories_cursor_fk FOREIGN KEY (cursor_id) REFERENCES pages ON DELETE SET NULL;
ALTER TABLE conversations ADD CONSTRAINT conversations_story_fk FOREIGN KEY (story_id) REFERENCES stories ON DELETE SET NULL;
CREATE INDEX conversations_story ON conversations (story_id) WHERE story_id IS NOT NULL;

-- Persona chat: a list of turns, each with variants; exactly one variant of a turn is the chosen one.

CREATE TABLE chat_messages (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    persona_id      bigint NOT NULL REFERENCES personas ON DELETE CASCADE,
    user_id         bigint REFERENCES users ON DELETE SET NULL,
    epoch           integer NOT NULL DEFAULT 0,
    role            text NOT NULL CHECK (role IN ('user', 'persona')),
    reply_to_id     bigint REFERENCES chat_messages ON DELETE CASCADE,
    variant_index   integer NOT NULL DEFAULT 0,
    chosen          boolean NOT NULL DEFAULT true,
    state           text NOT NULL DEFAULT 'ready' CHECK (state IN ('pending', 'ready', 'failed')),
    text            text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((role = 'persona') = (reply_to_id IS NOT NULL))
);
CREATE INDEX chat_messages_history ON chat_messages (conversation_id, persona_id, epoch, id);
CREATE UNIQUE INDEX chat_messages_variant ON chat_messages (reply_to_id, variant_index) WHERE reply_to_id IS NOT NULL;
CREATE UNIQUE INDEX chat_messages_chosen ON chat_messages (reply_to_id) WHERE reply_to_id IS NOT NULL AND chosen;

CREATE TABLE prompt_overrides (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    persona_id bigint REFERENCES personas ON DELETE CASCADE,  -- NULL: the whole account
    name       text NOT NULL,
    source     text NOT NULL,
    updated_by bigint REFERENCES users ON DELETE SET NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX prompt_overrides_name ON prompt_overrides (account_id, coalesce(persona_id, 0), name);
