-- What holds in one channel, group or topic alone: when the bot speaks there without being addressed, and what goes
-- before the place's rating, model and language.
CREATE TABLE channel_settings (
    conversation_id bigint PRIMARY KEY REFERENCES conversations ON DELETE CASCADE,
    mode            text NOT NULL DEFAULT 'mention' CHECK (mode IN ('mention', 'keywords', 'probability', 'always')),
    keywords        text[] NOT NULL DEFAULT '{}',
    chance          smallint NOT NULL DEFAULT 10 CHECK (chance BETWEEN 1 AND 100),
    quiet_from      smallint CHECK (quiet_from BETWEEN 0 AND 1439),  -- minutes of the day in quiet_zone
    quiet_to        smallint CHECK (quiet_to BETWEEN 0 AND 1439),
    quiet_zone      text NOT NULL DEFAULT 'UTC',
    rating          text NOT NULL DEFAULT '',
    model           text NOT NULL DEFAULT '',
    language        text NOT NULL DEFAULT '',
    told            boolean NOT NULL DEFAULT false,                  -- whether the channel has read of its mode
    spare           real NOT NULL DEFAULT 0,                         -- answers that are left, as of spare_at
    spare_at        timestamptz NOT NULL DEFAULT 'epoch',
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL))
);
