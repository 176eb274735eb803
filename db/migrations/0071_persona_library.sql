-- Personas that people make: whose they are, who sees them, and that they are deleted although their chats are kept.
-- Those that are there already are everybody's in their account, as they were.
ALTER TABLE personas
    ADD owner_id   bigint REFERENCES users ON DELETE SET NULL,   -- NULL: the place's, or the product's
    ADD visibility text NOT NULL DEFAULT 'place' CHECK (visibility IN ('owner', 'place', 'service')),
    ADD source     text NOT NULL DEFAULT '' CHECK (source IN ('', 'written', 'generated', 'imported', 'copied')),
    ADD origin_id  bigint REFERENCES personas ON DELETE SET NULL,  -- of which it is a copy
    ADD revision   integer NOT NULL DEFAULT 1,
    ADD share_code text,                                           -- whoever has it may take a copy
    ADD deleted_at timestamptz;
CREATE INDEX personas_owner ON personas (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX personas_origin ON personas (origin_id) WHERE origin_id IS NOT NULL;
CREATE UNIQUE INDEX personas_share_code ON personas (share_code) WHERE share_code IS NOT NULL;
CREATE INDEX personas_public ON personas (id) WHERE visibility = 'service' AND deleted_at IS NULL;
