-- What people think of what was written: one thumb, up or down, of each person for each page or reply.
CREATE TABLE votes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    page_id    bigint REFERENCES pages ON DELETE CASCADE,
    message_id bigint REFERENCES chat_messages ON DELETE CASCADE,
    up         boolean NOT NULL,
    voted_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(page_id, message_id) = 1)
);
CREATE UNIQUE INDEX votes_page ON votes (page_id, user_id) WHERE page_id IS NOT NULL;
CREATE UNIQUE INDEX votes_message ON votes (message_id, user_id) WHERE message_id IS NOT NULL;
CREATE INDEX votes_user ON votes (user_id);
