-- Announcements of the operators to all places; that a place got one is known by its row of the outbox.

CREATE TABLE announcements (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text         text NOT NULL,
    state        text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'sending', 'done', 'dropped')),
    listed_only  boolean NOT NULL DEFAULT false,  -- only places on the list of those who may use the bot
    last_account bigint NOT NULL DEFAULT 0,       -- accounts are gone through by id; those up to this one have theirs
    placed       integer NOT NULL DEFAULT 0,      -- messages that were given to the couriers
    created_by   bigint REFERENCES users ON DELETE SET NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX announcements_created_by ON announcements (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX announcements_created ON announcements (created_at);
