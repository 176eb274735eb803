-- Which entries of lorebooks were called up for a page or a reply, of those whose rules ask whether they were before.
CREATE TABLE lore_calls (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry_id   bigint NOT NULL REFERENCES lorebook_entries ON DELETE CASCADE,
    page_id    bigint REFERENCES pages ON DELETE CASCADE,
    message_id bigint REFERENCES chat_messages ON DELETE CASCADE,
    CHECK (num_nonnulls(page_id, message_id) = 1)
);
CREATE INDEX lore_calls_entry ON lore_calls (entry_id);
CREATE UNIQUE INDEX lore_calls_page ON lore_calls (page_id, entry_id) WHERE page_id IS NOT NULL;
CREATE UNIQUE INDEX lore_calls_message ON lore_calls (message_id, entry_id) WHERE message_id IS NOT NULL;
