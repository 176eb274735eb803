-- A job that draws a persona works on the persona: it is deleted with it.

ALTER TABLE jobs ADD COLUMN persona_id bigint REFERENCES personas ON DELETE CASCADE;
