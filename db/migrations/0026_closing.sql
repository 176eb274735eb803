-- Since when an account or a person is closed: nothing finds it any more, and a job deletes it.

ALTER TABLE accounts ADD COLUMN closed_at timestamptz;
