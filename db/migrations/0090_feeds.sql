-- Feeds that a persona of an account follows. What they say is kept as documents of the archive, in the persona's scope.

CREATE TABLE feeds (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    persona_id bigint NOT NULL REFERENCES personas ON DELETE CASCADE,
    user_id    bigint REFERENCES users ON DELETE CASCADE,      -- who added it
    url        text NOT NULL,
    title      text NOT NULL DEFAULT '',
    allowance  text NOT NULL DEFAULT 'sfw',                    -- what was allowed where it was added
    etag       text NOT NULL DEFAULT '',                       -- the server's, to be told only what is new
    modified   text NOT NULL DEFAULT '',
    failures   integer NOT NULL DEFAULT 0,                     -- in a row
    problem    text NOT NULL DEFAULT '',                       -- why it could not be read last time
    checked_at timestamptz,                                    -- when it was last read
    due_at     timestamptz,                                    -- when it is read again; NULL: never was, its job is under way
    job_id     bigint REFERENCES jobs ON DELETE SET NULL,      -- the last one that read it
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, persona_id, url)
);
CREATE INDEX feeds_persona ON feeds (persona_id);
CREATE INDEX feeds_user ON feeds (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX feeds_job ON feeds (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX feeds_due ON feeds (due_at) WHERE due_at IS NOT NULL;

-- What was seen in a feed, so that nothing is kept twice, or again after its time.
CREATE TABLE feed_items (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed_id     bigint NOT NULL REFERENCES feeds ON DELETE CASCADE,
    digest      text NOT NULL,                                 -- SHA-256 of what names the item
    document_id bigint REFERENCES archive_documents ON DELETE SET NULL,
    posted_at   timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now(),            -- when it last was in the feed
    UNIQUE (feed_id, digest)
);
CREATE INDEX feed_items_document ON feed_items (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX feed_items_seen ON feed_items (seen_at);
