-- The language in which a person's stories are written; empty: that of their app.

ALTER TABLE users ADD COLUMN story_language text NOT NULL DEFAULT '';
