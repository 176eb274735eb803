CREATE TABLE luck (
    account_id bigint PRIMARY KEY REFERENCES public.accounts (id) ON DELETE CASCADE,
    feels text NOT NULL
);
