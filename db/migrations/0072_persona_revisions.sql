-- What a persona was before its last changes, to be brought back.
CREATE TABLE persona_revisions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    persona_id bigint NOT NULL REFERENCES personas ON DELETE CASCADE,
    author_id  bigint REFERENCES users ON DELETE CASCADE,  -- whose words it holds
    revision   integer NOT NULL,
    card       jsonb NOT NULL,
    verdict    text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused')),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (persona_id, revision)
);
CREATE INDEX persona_revisions_author ON persona_revisions (author_id) WHERE author_id IS NOT NULL;

-- What of a persona's card is large and told to nobody: the file it came from, its pictures, its lorebook as it was.
CREATE TABLE persona_originals (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    persona_id bigint NOT NULL UNIQUE REFERENCES personas ON DELETE CASCADE,
    author_id  bigint REFERENCES users ON DELETE CASCADE,
    content    jsonb NOT NULL
);
CREATE INDEX persona_originals_author ON persona_originals (author_id) WHERE author_id IS NOT NULL;
