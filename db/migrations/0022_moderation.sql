-- What was refused, without its text; what people reported; and what became of the texts that are stored as they came.

CREATE TABLE incidents (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at      timestamptz NOT NULL DEFAULT now(),
    source          text NOT NULL,                      -- the key of the event, or the job: repeated work is one incident
    rule            text NOT NULL CHECK (rule IN ('minors', 'rating')),
    stage           text NOT NULL CHECK (stage IN ('stored', 'input', 'output')),
    field           text NOT NULL DEFAULT '',           -- the stored field, or the AI function
    digest          text NOT NULL,                      -- a keyed hash of the text: shows repetition, not the text
    account_id      bigint REFERENCES accounts ON DELETE CASCADE,
    user_id         bigint REFERENCES users ON DELETE CASCADE,
    conversation_id bigint REFERENCES conversations ON DELETE SET NULL,
    UNIQUE (source, rule, stage)
);
CREATE INDEX incidents_account ON incidents (account_id);
CREATE INDEX incidents_user ON incidents (user_id, created_at);
CREATE INDEX incidents_conversation ON incidents (conversation_id);
CREATE INDEX incidents_age ON incidents (created_at);

CREATE TABLE reports (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at      timestamptz NOT NULL DEFAULT now(),
    account_id      bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,   -- where it was seen
    conversation_id bigint REFERENCES conversations ON DELETE SET NULL,
    reporter_id     bigint REFERENCES users ON DELETE SET NULL,              -- never shown
    subject_user_id bigint REFERENCES users ON DELETE SET NULL,              -- whose content it is, if known
    page_id         bigint REFERENCES pages ON DELETE CASCADE,
    message_id      bigint REFERENCES chat_messages ON DELETE CASCADE,
    picture_id      bigint REFERENCES pictures ON DELETE CASCADE,
    reason          text NOT NULL DEFAULT '',
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'dismissed', 'acted')),
    closed_at       timestamptz
);
CREATE INDEX reports_account ON reports (account_id);
CREATE INDEX reports_conversation ON reports (conversation_id);
CREATE INDEX reports_reporter ON reports (reporter_id);
CREATE INDEX reports_subject_user ON reports (subject_user_id);
CREATE INDEX reports_page ON reports (page_id);
CREATE INDEX reports_message ON reports (message_id);
CREATE INDEX reports_picture ON reports (picture_id);
CREATE INDEX reports_open ON reports (id) WHERE state = 'open';
CREATE INDEX reports_age ON reports (created_at);

ALTER TABLE users ADD cooldown_until timestamptz;               -- asks for nothing until then
ALTER TABLE conversations ADD help_told_at timestamptz;         -- when the help line was last shown here

-- Of a person's own text: unchecked (only its owner sees it), checked or refused.
ALTER TABLE stories ADD verdict text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused'));
ALTER TABLE choices ADD verdict text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused'));
ALTER TABLE chat_messages
    ADD verdict text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused'));
ALTER TABLE personas ADD verdict text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused'));
ALTER TABLE prompt_overrides
    ADD verdict text NOT NULL DEFAULT 'unchecked' CHECK (verdict IN ('unchecked', 'checked', 'refused'));
