-- Linking of two people who are one: the code of the first side, then the consent of both.

CREATE TABLE linkings (
    id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id               bigint NOT NULL REFERENCES users ON DELETE CASCADE,  -- who asked for the code
    conversation_id       bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    other_user_id         bigint REFERENCES users ON DELETE CASCADE,           -- who entered it
    other_conversation_id bigint REFERENCES conversations ON DELETE CASCADE,
    state                 text NOT NULL DEFAULT 'offered' CHECK (state IN ('offered', 'asked', 'done', 'cancelled')),
    confirmed             boolean NOT NULL DEFAULT false,
    other_confirmed       boolean NOT NULL DEFAULT false,
    selector              text,                       -- the part of the code by which it is found
    salt                  bytea,
    code_hash             bytea,
    tries                 smallint NOT NULL DEFAULT 0, -- wrong codes with this selector
    expires_at            timestamptz NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX linkings_user ON linkings (user_id);
CREATE INDEX linkings_conversation ON linkings (conversation_id);
CREATE INDEX linkings_other_user ON linkings (other_user_id) WHERE other_user_id IS NOT NULL;
CREATE INDEX linkings_other_conversation ON linkings (other_conversation_id) WHERE other_conversation_id IS NOT NULL;
CREATE UNIQUE INDEX linkings_selector ON linkings (selector) WHERE state = 'offered';
CREATE INDEX linkings_created ON linkings (created_at);

ALTER TABLE identities
    ADD COLUMN wrong_codes smallint NOT NULL DEFAULT 0,  -- guesses of others' codes since
    ADD COLUMN wrong_since timestamptz;
