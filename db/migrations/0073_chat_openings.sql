-- no transaction
-- A chat may begin with the persona: its greetings are the variants of an answer to an opening, in which nobody says
-- anything.
ALTER TABLE chat_messages
    DROP CONSTRAINT IF EXISTS chat_messages_role_check,
    ADD CONSTRAINT chat_messages_role_check CHECK (role IN ('user', 'persona', 'opening')) NOT VALID;
ALTER TABLE chat_messages VALIDATE CONSTRAINT chat_messages_role_check;
