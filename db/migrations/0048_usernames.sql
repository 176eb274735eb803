-- The name by which people are mentioned on a platform (@ann), which they may change, and another may take. NULL: unknown.
-- The address that opens a private chat with the bot, to which what it is opened with is added; empty: there is none.
-- Where the bot is now, as its platform says: what is missing there later was removed while the bot was away.

ALTER TABLE identities ADD COLUMN username text;
ALTER TABLE bots ADD COLUMN start_link text NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN present_at timestamptz;
