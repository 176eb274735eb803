-- What was in force before there were verdicts stays so.
ALTER TABLE prompt_overrides ALTER verdict SET DEFAULT 'checked';
UPDATE prompt_overrides SET verdict = 'checked';
ALTER TABLE personas ALTER verdict SET DEFAULT 'checked';
UPDATE personas SET verdict = 'checked';
