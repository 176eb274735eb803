-- What a person or an account has used lately of what is limited: the moment at which all of it is available again.

CREATE TABLE quotas (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint REFERENCES accounts ON DELETE CASCADE,
    user_id     bigint REFERENCES users ON DELETE CASCADE,
    name        text NOT NULL,
    whole_at    timestamptz NOT NULL,
    CHECK ((account_id IS NULL) <> (user_id IS NULL))
);
CREATE UNIQUE INDEX quotas_subject ON quotas (coalesce(account_id, 0), coalesce(user_id, 0), name);
CREATE INDEX quotas_account ON quotas (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX quotas_user ON quotas (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX quotas_whole ON quotas (whole_at);

-- The IANA name of a person's time zone; empty if they have not said.
ALTER TABLE users ADD COLUMN time_zone text NOT NULL DEFAULT '';
