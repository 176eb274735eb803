-- What the operators decide: who may use the bot, what is switched off, and who changed which setting.

CREATE TABLE access_rules (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verdict     text NOT NULL CHECK (verdict IN ('banned', 'allowed')),
    subject     text NOT NULL CHECK (subject IN ('user', 'place')),
    platform    text NOT NULL,
    external_id text NOT NULL,                  -- the platform's id of a person, a guild, a group or a channel
    user_id     bigint REFERENCES users ON DELETE SET NULL,  -- the person, if known: the rule holds for all identities
    reason      text NOT NULL DEFAULT '',
    ends_at     timestamptz,                    -- NULL: for ever
    told_at     timestamptz,                    -- when somebody was last told of a ban
    created_by  bigint REFERENCES users ON DELETE SET NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (verdict, subject, platform, external_id)
);
CREATE INDEX access_rules_user ON access_rules (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX access_rules_external ON access_rules (external_id, platform);
CREATE INDEX access_rules_created_by ON access_rules (created_by) WHERE created_by IS NOT NULL;

CREATE TABLE service_switches (
    name       text PRIMARY KEY,                -- 'maintenance', or 'command ' and a command or a group of commands
    message    text NOT NULL DEFAULT '',
    changed_by bigint REFERENCES users ON DELETE SET NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX service_switches_changed_by ON service_switches (changed_by) WHERE changed_by IS NOT NULL;

-- Who did what: ids, names of settings and numbers, no texts. Entries of a place go with its data.
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action     text NOT NULL,
    account_id bigint REFERENCES accounts ON DELETE CASCADE,  -- NULL: the whole service
    user_id    bigint REFERENCES users ON DELETE SET NULL,
    subject    text NOT NULL DEFAULT '',
    details    jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_account ON audit (account_id, id DESC);
CREATE INDEX audit_user ON audit (user_id, id DESC);
CREATE INDEX audit_action ON audit (action, id DESC);
CREATE INDEX audit_created ON audit (created_at);
