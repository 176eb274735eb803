-- Packages add routes of plain text: a mode may be any of theirs.
ALTER TABLE conversations
    DROP CONSTRAINT conversations_mode_check,
    ADD CONSTRAINT conversations_mode_check CHECK (mode ~ '^[a-z][a-z0-9_]{0,31}$');
