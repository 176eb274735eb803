-- The receipt of an AI call: model and file hash, seed and sampling, prompt, tokens by layer, ids of the elements that
-- it was told; no texts.

ALTER TABLE ai_tasks ADD COLUMN receipt jsonb NOT NULL DEFAULT '{}';
