-- Work and its delivery: jobs with leases, their artifacts, the inbox and the outbox, one log row per AI call.

CREATE TABLE jobs (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type            text NOT NULL,
    parameters      jsonb NOT NULL DEFAULT '{}',
    queue           text NOT NULL CHECK (queue IN ('cpu', 'gpu')),
    priority        smallint NOT NULL DEFAULT 0,
    state           text NOT NULL DEFAULT 'queued'
                    CHECK (state IN ('queued', 'running', 'waiting', 'done', 'dead', 'cancelled')),
    attempt         smallint NOT NULL DEFAULT 0,  -- crashes so far
    retries         smallint NOT NULL DEFAULT 0,  -- errors so far that asked to be tried again
    run_after       timestamptz NOT NULL DEFAULT now(),
    woken_at        timestamptz NOT NULL DEFAULT now(),  -- when its id was last put into the queue
    lease_token     uuid,
    lease_expires   timestamptz,
    phase           text NOT NULL DEFAULT '',
    percent         smallint NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
    interaction     jsonb,
    error           text NOT NULL DEFAULT '',
    account_id      bigint REFERENCES accounts ON DELETE CASCADE,
    user_id         bigint REFERENCES users ON DELETE SET NULL,
    conversation_id bigint REFERENCES conversations ON DELETE CASCADE,
    parent_id       bigint REFERENCES jobs ON DELETE CASCADE,
    event_key       text,                         -- the event that the job answers
    destination     jsonb,                        -- where its answer goes
    created_at      timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    finished_at     timestamptz,
    CHECK ((state = 'running') = (lease_token IS NOT NULL)),
    CHECK ((lease_token IS NULL) = (lease_expires IS NULL))
);
CREATE INDEX jobs_open ON jobs (queue, priority, id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_parent ON jobs (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE artifacts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id     bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
    step       text NOT NULL,
    kind       text NOT NULL,
    parent_id  bigint REFERENCES artifacts ON DELETE SET NULL,
    metadata   jsonb NOT NULL DEFAULT '{}',
    content    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (job_id, step)
);

CREATE TABLE inbox (
    event_key   varchar(200) PRIMARY KEY,         -- platform and event id: a replay is a no-op
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_received ON inbox (received_at);

CREATE TABLE outbox (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_key       text NOT NULL,
    part            text NOT NULL,
    platform        text NOT NULL,
    conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    kind            text NOT NULL,
    payload         jsonb NOT NULL DEFAULT '{}',  -- ids, no texts
    destination     jsonb NOT NULL,
    ordered         boolean NOT NULL DEFAULT true,  -- waits for the rows before it in its conversation
    state           text NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'sending', 'sent', 'dead', 'superseded')),
    attempts        integer NOT NULL DEFAULT 0,
    not_before      timestamptz NOT NULL DEFAULT now(),
    lease_token     uuid,
    lease_expires   timestamptz,
    message_ids     jsonb NOT NULL DEFAULT '[]',  -- the platform's ids of what was sent, in order
    error           text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    sent_at         timestamptz,
    UNIQUE (event_key, part),
    CHECK ((state = 'sending') = (lease_token IS NOT NULL)),
    CHECK ((lease_token IS NULL) = (lease_expires IS NULL))
);
CREATE INDEX outbox_pages ON outbox (conversation_id, id) WHERE kind = 'page';
CREATE INDEX outbox_open ON outbox (platform, conversation_id, id) WHERE state IN ('pending', 'sending');

CREATE TABLE ai_tasks (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id            bigint REFERENCES jobs ON DELETE SET NULL,
    account_id        bigint REFERENCES accounts ON DELETE CASCADE,
    function          text NOT NULL,
    state             text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    phase             text NOT NULL DEFAULT 'INIT',
    percent           smallint NOT NULL DEFAULT 0,
    engine            text NOT NULL DEFAULT '',
    model             text NOT NULL DEFAULT '',
    prompt_version    text NOT NULL DEFAULT '',
    steps             jsonb NOT NULL DEFAULT '[]',  -- requests, responses, repairs, fallbacks: sizes and reasons, no texts
    prompt_tokens     integer NOT NULL DEFAULT 0,
    completion_tokens integer NOT NULL DEFAULT 0,
    cost_usd          numeric(12, 6) NOT NULL DEFAULT 0,
    error             text NOT NULL DEFAULT '',
    started_at        timestamptz NOT NULL DEFAULT now(),
    finished_at       timestamptz
);
CREATE INDEX ai_tasks_job ON ai_tasks (job_id);
CREATE INDEX ai_tasks_account ON ai_tasks (account_id, started_at DESC);
