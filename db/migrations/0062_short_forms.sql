-- Shorter forms of texts that every prompt of a story or chat holds (cards, premises, notes), written in the background
-- for models in whose window the whole ones are large. Found by the hash of what they are of: an edit makes them stale.

CREATE TABLE short_forms (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    memory_id  bigint NOT NULL REFERENCES memories ON DELETE CASCADE,
    key        text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('dialogue', 'narration', 'sheet', 'plot')),
    text       text NOT NULL,
    version    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (memory_id, key)
);
