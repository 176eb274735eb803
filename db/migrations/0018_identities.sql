-- A person (a row of users) has identities: one on each platform where they are known. Platform and id of users are
-- those of the identity that has the personal account; releases without identities find people by them.

CREATE TABLE identities (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    platform    text NOT NULL,
    external_id text NOT NULL,
    name        text NOT NULL DEFAULT '',
    language    text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (platform, external_id)
);
CREATE INDEX identities_user ON identities (user_id);
INSERT INTO identities (user_id, platform, external_id, name, language)
    SELECT id, platform, external_id, name, language FROM users ON CONFLICT DO NOTHING;
