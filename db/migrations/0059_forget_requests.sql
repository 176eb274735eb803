-- The word about which somebody asked to have everything forgotten, until they confirm it: a button holds no words.

CREATE TABLE forget_requests (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    memory_id  bigint NOT NULL REFERENCES memories ON DELETE CASCADE,
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    word       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (memory_id, user_id)
);
CREATE INDEX forget_requests_user ON forget_requests (user_id);
