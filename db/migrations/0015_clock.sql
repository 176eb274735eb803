-- The last time that the server's clock was seen to show: if it then shows less, or much more, it was set.

CREATE TABLE clock (
    id        boolean PRIMARY KEY DEFAULT true CHECK (id),   -- one row
    seen_at   timestamptz NOT NULL DEFAULT now(),
    leapt_at  timestamptz NOT NULL DEFAULT '-infinity'       -- when it was last seen to have gone far ahead
);
INSERT INTO clock DEFAULT VALUES;
