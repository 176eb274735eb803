-- Whose turn it is (db/jobs/turns.py). A job's turn is one of its account's, its person's turn is within the account;
-- NULL: it has none in its queue yet. What is in line may start now.
ALTER TABLE jobs
    ADD COLUMN turn        double precision,
    ADD COLUMN turn_id     bigint,               -- of equal turns the smaller is first; NULL: the job's id
    ADD COLUMN person_turn double precision,
    ADD COLUMN lined       boolean NOT NULL DEFAULT false;
-- An account of weight 2 has two turns where others have one.
ALTER TABLE accounts ADD COLUMN weight real NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0.01 AND 100);
