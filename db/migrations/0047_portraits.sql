-- no transaction
-- A portrait is deleted with its persona, whose description it holds. So is what was drawn again from a portrait.

CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_persona ON jobs (persona_id) WHERE persona_id IS NOT NULL;
UPDATE jobs j SET persona_id = p.id FROM personas p
    WHERE j.type = 'persona_portrait' AND j.persona_id IS NULL AND p.id = (j.parameters ->> 'persona')::bigint;
ALTER TABLE pictures
    DROP CONSTRAINT IF EXISTS pictures_persona_id_fkey,
    ADD CONSTRAINT pictures_persona_id_fkey FOREIGN KEY (persona_id) REFERENCES personas ON DELETE CASCADE NOT VALID;
ALTER TABLE pictures VALIDATE CONSTRAINT pictures_persona_id_fkey;
