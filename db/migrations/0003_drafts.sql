-- A form that is being asked field by field is one person's: in a group several may be asked at once.

CREATE TABLE drafts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    user_id         bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    content         jsonb NOT NULL,               -- the form, the values so far, the field that was asked
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (conversation_id, user_id)
);
INSERT INTO drafts (conversation_id, user_id, content)
    SELECT c.id, u.id, c.draft FROM conversations c JOIN users u ON u.id = (c.draft ->> 'user')::bigint;
ALTER TABLE conversations DROP COLUMN draft;
