-- Whether another process would take over a platform from a leader that cannot reach it.

ALTER TABLE leaders ADD COLUMN standby_at timestamptz;
