-- Events that take their time: updates that a platform was told are safe before they were committed as events, events
-- whose file is still to be fetched, and events that failed again and again (dead letters).

CREATE TABLE late_updates (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform    text NOT NULL,
    chat_id     text NOT NULL,
    content     text NOT NULL,                    -- the platform's own JSON: jsonb refuses some of it
    failures    smallint NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX late_updates_chat ON late_updates (platform, chat_id, id);

CREATE TABLE awaited_files (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_key       text NOT NULL UNIQUE,
    platform        text NOT NULL,
    account_id      bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    event           jsonb NOT NULL,               -- handled once the file is here
    stored          text NOT NULL DEFAULT '',     -- the parameter's value, once the file is stored
    attempts        smallint NOT NULL DEFAULT 0,
    not_before      timestamptz NOT NULL DEFAULT now(),
    lease_token     uuid,
    lease_expires   timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((lease_token IS NULL) = (lease_expires IS NULL))
);
CREATE INDEX awaited_files_platform ON awaited_files (platform, id);
CREATE INDEX awaited_files_conversation ON awaited_files (conversation_id, id);
CREATE INDEX awaited_files_account ON awaited_files (account_id);

ALTER TABLE inbox ADD COLUMN error text NOT NULL DEFAULT '';  -- not empty: a dead letter
CREATE INDEX inbox_dead ON inbox (received_at) WHERE error <> '';
