-- Where the bot was removed or blocked, so that nothing is sent there; and who was told that they are not on the list.

ALTER TABLE accounts ADD COLUMN left_at timestamptz, ADD COLUMN unlisted_told_at timestamptz;
