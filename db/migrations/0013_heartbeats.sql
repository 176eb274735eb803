-- Who does jobs at the moment. Unlogged: after a crash it is empty until the next beat; rows are updated in place.

CREATE UNLOGGED TABLE heartbeats (
    worker        varchar(300) PRIMARY KEY,         -- empty: all of them together
    host          text NOT NULL,
    queues        text[] NOT NULL,
    models        text[] NOT NULL,
    image_engines text[] NOT NULL,
    running       integer NOT NULL,
    capacity      integer NOT NULL,
    seen_at       timestamptz NOT NULL DEFAULT now(),
    steady_since  timestamptz NOT NULL DEFAULT now()  -- the first beat after the last gap between beats
) WITH (fillfactor = 50);

ALTER TABLE jobs
    ADD COLUMN claimed_at timestamptz,                    -- when its last run began
    ADD COLUMN expires    boolean NOT NULL DEFAULT false; -- at its deadline a waiting job does not go on but ends
