-- Who wrote a picture's prompt, what the person typed if somebody else did, and how long the prompt is for the engine.
-- A moment is what was drawn from a chat.

ALTER TABLE pictures
    ADD COLUMN typed text NOT NULL DEFAULT '',
    ADD COLUMN prompt_source text NOT NULL DEFAULT '' CHECK (prompt_source IN ('', 'own', 'ai', 'template')),
    ADD COLUMN tokens integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT pictures_kind_check,
    ADD CONSTRAINT pictures_kind_check CHECK
        (kind IN ('imagined', 'page', 'portrait', 'moment', 'variation', 'upscaled', 'attached')) NOT VALID;
ALTER TABLE pictures VALIDATE CONSTRAINT pictures_kind_check;
