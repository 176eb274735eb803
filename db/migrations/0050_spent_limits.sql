-- What somebody who had their data deleted had used up, and their strikes: a new start does not give it back. Named by a
-- keyed hash of the platform's id, which says who it was only to whoever asks about that id.

CREATE TABLE spent_limits (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest  text NOT NULL,                      -- of platform and id
    name    text NOT NULL,                      -- a quota, 'cooldown', or 'strike' and a number
    ends_at timestamptz NOT NULL,               -- then it says nothing any more
    UNIQUE (digest, name)
);
CREATE INDEX spent_limits_ends ON spent_limits (ends_at);
