CREATE TABLE rolls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES public.accounts (id) ON DELETE CASCADE,
    job_id bigint,
    sides integer NOT NULL,
    note text NOT NULL DEFAULT '',
    result integer,
    text text NOT NULL DEFAULT ''
);
CREATE INDEX rolls_account ON rolls (account_id);
