-- What people asked to have exported: archives in parts that a platform takes, kept until they are delivered.

CREATE TABLE data_exports (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,  -- who asked
    account_id  bigint REFERENCES accounts ON DELETE CASCADE,        -- a place; NULL: the person's own data
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX data_exports_user ON data_exports (user_id);
CREATE INDEX data_exports_account ON data_exports (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX data_exports_created ON data_exports (created_at);

CREATE TABLE data_export_parts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    export_id   bigint NOT NULL REFERENCES data_exports ON DELETE CASCADE,
    number      integer NOT NULL,               -- from 1
    data        bytea NOT NULL,                 -- a ZIP archive of its own
    UNIQUE (export_id, number)
);
ALTER TABLE data_export_parts ALTER COLUMN data SET STORAGE EXTERNAL;  -- compressed already
