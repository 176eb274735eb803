-- Files that people hand in, until a job has read them: first as they came, then as the text that was found in them.
CREATE TABLE uploads (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text NOT NULL,
    data       bytea NOT NULL,
    found      jsonb,                                   -- its text, once it is read; the file is dropped then
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX uploads_account ON uploads (account_id);
CREATE INDEX uploads_user ON uploads (user_id);
CREATE INDEX uploads_created ON uploads (created_at);
