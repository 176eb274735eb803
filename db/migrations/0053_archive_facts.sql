-- Facts in the archive: a chunk may stand for a fact of a story or chat. What it says is read from the fact.

ALTER TABLE archive_chunks ADD COLUMN fact_id bigint REFERENCES facts ON DELETE CASCADE;
ALTER TABLE archive_chunks DROP CONSTRAINT archive_chunks_source_check;
ALTER TABLE archive_chunks ADD CONSTRAINT archive_chunks_source_check
    CHECK (source IN ('message', 'page', 'document', 'fact'));
ALTER TABLE archive_chunks DROP CONSTRAINT archive_chunks_check;
ALTER TABLE archive_chunks ADD CONSTRAINT archive_chunks_check
    CHECK (num_nonnulls(message_id, page_id, document_id, fact_id) = 1);

-- What is derived from a fact goes with its words, whoever changes them, and what a person wrote is read soon.
CREATE FUNCTION archive_forget_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM archive_chunks WHERE fact_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER archive_forget AFTER UPDATE OF subject, text, verdict ON facts FOR EACH ROW
    WHEN (OLD.subject <> NEW.subject OR OLD.text <> NEW.text OR (NEW.verdict = 'refused' AND OLD.verdict <> 'refused'))
    EXECUTE FUNCTION archive_forget_fact();

CREATE FUNCTION archive_fact_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE memories SET due_at = least(due_at, now() + interval '5 seconds') WHERE id = NEW.memory_id;
    RETURN NULL;
END $$;
CREATE TRIGGER archive_by_hand AFTER INSERT OR UPDATE OF subject, text ON facts FOR EACH ROW
    WHEN (NEW.version = 'by hand') EXECUTE FUNCTION archive_fact_by_hand();
