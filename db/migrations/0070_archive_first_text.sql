-- Of a text that is written for the first time nothing can be in the archive yet: who locks the archive's chunks (an index
-- that is built, a backup) must not hold up every page and reply that is saved meanwhile. A chat is read again from there
-- all the same: a reply may be filled long after the messages behind it were brought in.

CREATE OR REPLACE FUNCTION archive_forget_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.text <> '' THEN
        DELETE FROM archive_chunks WHERE message_id = NEW.id;
    END IF;
    UPDATE archive_scopes SET indexed_to = coalesce(NEW.reply_to_id, NEW.id)
    WHERE conversation_id = NEW.conversation_id AND persona_id = NEW.persona_id AND epoch = NEW.epoch
        AND indexed_to > coalesce(NEW.reply_to_id, NEW.id);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION archive_forget_page() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.text <> '' THEN
        DELETE FROM archive_chunks WHERE page_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
