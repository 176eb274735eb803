-- Several personas in one conversation. Without a row there, the conversation's own persona is alone.
CREATE TABLE company (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    persona_id      bigint NOT NULL REFERENCES personas ON DELETE CASCADE,
    when_called     boolean NOT NULL DEFAULT false,  -- answers only where it is named, replied to, or all are spoken to
    joined_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (conversation_id, persona_id)
);
CREATE INDEX company_persona ON company (persona_id);
