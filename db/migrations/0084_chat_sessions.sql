-- Each chat of a place has a context session of its own: opening another one beside it empties nothing.

DROP INDEX context_sessions_of_chat;
CREATE UNIQUE INDEX context_sessions_of_chat ON context_sessions (conversation_id, persona_id, epoch)
    WHERE conversation_id IS NOT NULL AND user_id IS NULL;
