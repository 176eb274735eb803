-- An override that breaks a limit of the sandbox twice in a row is switched off.

ALTER TABLE prompt_overrides ADD COLUMN limit_hits smallint NOT NULL DEFAULT 0;
