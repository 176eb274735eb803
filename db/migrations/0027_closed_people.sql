ALTER TABLE users ADD COLUMN closed_at timestamptz;
