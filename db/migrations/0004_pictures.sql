-- Pictures: what was drawn (or attached to be redrawn), with its files, for whom, and how to draw it again.

CREATE TABLE pictures (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    user_id         bigint REFERENCES users ON DELETE CASCADE,  -- who asked for it
    conversation_id bigint REFERENCES conversations ON DELETE SET NULL,
    job_id          bigint UNIQUE REFERENCES jobs ON DELETE SET NULL,
    page_id         bigint REFERENCES pages ON DELETE CASCADE,
    persona_id      bigint REFERENCES personas ON DELETE SET NULL,
    source_id       bigint REFERENCES pictures ON DELETE SET NULL,  -- the picture that was redrawn
    kind            text NOT NULL
                    CHECK (kind IN ('imagined', 'page', 'portrait', 'variation', 'upscaled', 'attached')),
    prompt          text NOT NULL DEFAULT '',
    negative        text NOT NULL DEFAULT '',     -- the person's own, without what is always added
    alt             text NOT NULL DEFAULT '',
    style           text NOT NULL DEFAULT '',
    size            text NOT NULL DEFAULT '',
    quality         text NOT NULL DEFAULT '',
    strength        double precision NOT NULL DEFAULT 1,  -- how much of the source was redrawn
    seed            bigint NOT NULL DEFAULT 0,
    rating          text NOT NULL DEFAULT 'sfw' CHECK (rating IN ('sfw', 'suggestive', 'nsfw')),
    hidden          boolean NOT NULL DEFAULT false,  -- shown behind a spoiler
    width           integer NOT NULL DEFAULT 0,   -- pixels
    height          integer NOT NULL DEFAULT 0,
    engine          text NOT NULL DEFAULT '',
    model           text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX pictures_account ON pictures (account_id, id DESC);
CREATE INDEX pictures_page ON pictures (page_id) WHERE page_id IS NOT NULL;

-- full: as good as it gets; photo: a JPEG for platforms that recompress.
CREATE TABLE picture_files (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    picture_id bigint NOT NULL REFERENCES pictures ON DELETE CASCADE,
    form       text NOT NULL CHECK (form IN ('full', 'photo')),
    mime       text NOT NULL,
    data       bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (picture_id, form)
);
ALTER TABLE picture_files ALTER COLUMN data SET STORAGE EXTERNAL;  -- compressed already

ALTER TABLE stories ADD COLUMN illustrated boolean NOT NULL DEFAULT false;
