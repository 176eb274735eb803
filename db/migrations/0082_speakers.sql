-- no transaction
-- A chat belongs to one persona and may have several who speak: who says a message, or answers it, is the chat's own
-- persona if nobody is named. After the first answer of a turn each further one answers a cue: a message of nobody
-- without a text, of the turn that a person's message began.
ALTER TABLE chat_messages
    ADD COLUMN IF NOT EXISTS speaker_id bigint,
    ADD COLUMN IF NOT EXISTS turn_id bigint;
ALTER TABLE chat_messages
    DROP CONSTRAINT IF EXISTS chat_messages_speaker_id_fkey,
    DROP CONSTRAINT IF EXISTS chat_messages_turn_id_fkey,
    DROP CONSTRAINT IF EXISTS chat_messages_role_check,
    ADD CONSTRAINT chat_messages_speaker_id_fkey FOREIGN KEY (speaker_id) REFERENCES personas ON DELETE CASCADE
        NOT VALID,
    ADD CONSTRAINT chat_messages_turn_id_fkey FOREIGN KEY (turn_id) REFERENCES chat_messages ON DELETE CASCADE
        NOT VALID,
    ADD CONSTRAINT chat_messages_role_check CHECK (role IN ('user', 'persona', 'opening', 'cue')) NOT VALID;
ALTER TABLE chat_messages VALIDATE CONSTRAINT chat_messages_speaker_id_fkey;
ALTER TABLE chat_messages VALIDATE CONSTRAINT chat_messages_turn_id_fkey;
ALTER TABLE chat_messages VALIDATE CONSTRAINT chat_messages_role_check;
CREATE INDEX CONCURRENTLY IF NOT EXISTS chat_messages_speaker ON chat_messages (speaker_id)
    WHERE speaker_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS chat_messages_turn ON chat_messages (turn_id) WHERE turn_id IS NOT NULL;
