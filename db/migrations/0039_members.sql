-- The role that the platform gave somebody in a place when they last did something there: what /permissions shows of them.

CREATE TABLE members (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    role       text NOT NULL,
    roles      jsonb NOT NULL DEFAULT '[]',      -- the keys by which the place maps roles
    created_at timestamptz NOT NULL DEFAULT now(), -- when it was noted
    UNIQUE (account_id, user_id)
);
CREATE INDEX members_user ON members (user_id);
CREATE INDEX members_created ON members (created_at);
