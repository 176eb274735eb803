-- Where the first screen was shown, or was not needed: everywhere where the bot has been used before.

ALTER TABLE conversations ADD COLUMN welcomed boolean NOT NULL DEFAULT true;
ALTER TABLE conversations ALTER COLUMN welcomed SET DEFAULT false;
