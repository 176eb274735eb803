-- What a person has chosen for their data: whether we may learn from feedback, keep what was said before a chat was
-- reset, and after how many days what they wrote and had drawn is deleted (NULL: when they delete it).

ALTER TABLE users
    ADD COLUMN learning boolean NOT NULL DEFAULT true,
    ADD COLUMN archive boolean NOT NULL DEFAULT true,
    ADD COLUMN keep_days integer CHECK (keep_days BETWEEN 1 AND 3650);
CREATE INDEX users_keep_days ON users (id) WHERE keep_days IS NOT NULL;
CREATE INDEX users_without_archive ON users (id) WHERE NOT archive;
