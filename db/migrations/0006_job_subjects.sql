-- Jobs: what they work on (they are deleted with it), what they wait for and until when, and interactions in order.

ALTER TABLE jobs
    ADD COLUMN story_id       bigint REFERENCES stories ON DELETE CASCADE,
    ADD COLUMN page_id        bigint REFERENCES pages ON DELETE CASCADE,
    ADD COLUMN message_id     bigint REFERENCES chat_messages ON DELETE CASCADE,
    ADD COLUMN picture_id     bigint REFERENCES pictures ON DELETE CASCADE,
    ADD COLUMN stop_requested boolean NOT NULL DEFAULT false,  -- somebody wants it to end early and keep what it has
    ADD COLUMN waiting_for    text NOT NULL DEFAULT '',  -- the wait or join where it was parked last
    ADD COLUMN joining        boolean NOT NULL DEFAULT false,  -- it waits for its child jobs
    ADD COLUMN deadline       timestamptz;               -- when it goes on without what it waits for

UPDATE jobs SET waiting_for = 'choice' WHERE state = 'waiting';
UPDATE jobs SET parameters = parameters || '{"automatic": true}'
    WHERE type = 'illustrate_page' AND parent_id IS NOT NULL;
UPDATE jobs j SET page_id = p.id, story_id = p.story_id FROM pages p
    WHERE j.type IN ('branching_page', 'single_page', 'illustrate_page')
    AND p.id = coalesce(j.parameters ->> 'page', j.parameters ->> 'illustrates')::bigint;
UPDATE jobs j SET message_id = m.id FROM chat_messages m
    WHERE j.type = 'persona_reply' AND m.id = (j.parameters ->> 'reply')::bigint;
UPDATE jobs j SET picture_id = p.id FROM pictures p
    WHERE j.type IN ('imagine', 'draw_again', 'variations', 'upscale')
    AND p.id = coalesce(j.parameters ->> 'source', j.parameters ->> 'picture')::bigint;

CREATE INDEX jobs_story ON jobs (story_id) WHERE story_id IS NOT NULL;
CREATE INDEX jobs_page ON jobs (page_id) WHERE page_id IS NOT NULL;
CREATE INDEX jobs_message ON jobs (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX jobs_picture ON jobs (picture_id) WHERE picture_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_conversation ON jobs (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX jobs_waiting ON jobs (deadline) WHERE state = 'waiting' AND (joining OR deadline IS NOT NULL);

CREATE TABLE job_interactions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id     bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
    name       text NOT NULL DEFAULT '',          -- the wait that it is for; empty: the next one
    content    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX job_interactions_job ON job_interactions (job_id, id);

UPDATE jobs SET stop_requested = true WHERE interaction = '{"stop": true}';
INSERT INTO job_interactions (job_id, content)
    SELECT id, interaction FROM jobs WHERE interaction IS NOT NULL AND NOT stop_requested
    AND state IN ('queued', 'running');
ALTER TABLE jobs DROP COLUMN interaction;
