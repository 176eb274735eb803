-- A row may rewrite the message of an earlier one.
ALTER TABLE outbox ADD COLUMN edits_row bigint REFERENCES outbox (id) ON DELETE SET NULL;
CREATE INDEX outbox_edits_row ON outbox (edits_row) WHERE edits_row IS NOT NULL;
