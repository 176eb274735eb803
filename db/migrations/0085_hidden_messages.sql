-- An answer that a person has hidden is not the chosen one any more, so that nobody is told of it; it can be shown again.
ALTER TABLE chat_messages ADD COLUMN hidden boolean NOT NULL DEFAULT false;
