-- Which process leads a platform: it alone polls, sends and edits. What counts against a message: its own failures.

CREATE TABLE leaders (
    name       varchar(200) PRIMARY KEY,            -- a platform, or a group of its shards
    holder     text NOT NULL DEFAULT '',            -- the process that leads; empty: nobody
    beat       bigint NOT NULL DEFAULT 0,           -- grows with every renewal and every change of the holder
    host       text NOT NULL DEFAULT '',
    problem    text NOT NULL DEFAULT '',            -- why the platform cannot be served; empty: it can
    renewed_at timestamptz NOT NULL DEFAULT now()   -- shown to operators; clocks decide nothing
);

ALTER TABLE outbox ADD COLUMN failures integer NOT NULL DEFAULT 0;
