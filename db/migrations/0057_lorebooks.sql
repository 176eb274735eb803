-- Lorebooks: entries that are told when their keys are written. A book belongs to a persona in an account, a story, a
-- person in an account, or the place, and goes with it.
CREATE TABLE lorebooks (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('persona', 'story', 'person', 'place')),
    persona_id   bigint REFERENCES personas ON DELETE CASCADE,
    story_id     bigint REFERENCES stories ON DELETE CASCADE,
    user_id      bigint REFERENCES users ON DELETE CASCADE,   -- whose it is, of kind person
    author_id    bigint REFERENCES users ON DELETE CASCADE,   -- who added it
    name         text NOT NULL,
    scan_depth   integer,
    token_budget integer,
    recursive    boolean NOT NULL DEFAULT false,
    more         jsonb NOT NULL DEFAULT '{}',                 -- what is not read of the file, to be given back
    problems     jsonb NOT NULL DEFAULT '[]',                 -- regular expressions that cannot be used
    verdict      text NOT NULL DEFAULT 'unchecked',
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (CASE kind WHEN 'persona' THEN persona_id IS NOT NULL WHEN 'story' THEN story_id IS NOT NULL
        WHEN 'person' THEN user_id IS NOT NULL ELSE true END)
);
CREATE INDEX lorebooks_account ON lorebooks (account_id, kind);
CREATE INDEX lorebooks_persona ON lorebooks (persona_id) WHERE persona_id IS NOT NULL;
CREATE INDEX lorebooks_story ON lorebooks (story_id) WHERE story_id IS NOT NULL;
CREATE INDEX lorebooks_user ON lorebooks (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX lorebooks_author ON lorebooks (author_id) WHERE author_id IS NOT NULL;

CREATE TABLE lorebook_entries (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book_id        bigint NOT NULL REFERENCES lorebooks ON DELETE CASCADE,
    position       integer NOT NULL,
    name           text NOT NULL,
    content        text NOT NULL,
    keys           jsonb NOT NULL DEFAULT '[]',
    secondary_keys jsonb NOT NULL DEFAULT '[]',
    rules          jsonb NOT NULL DEFAULT '{}',               -- its other fields (workers.context.lore.entries)
    more           jsonb NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX lorebook_entries_book ON lorebook_entries (book_id, position);
