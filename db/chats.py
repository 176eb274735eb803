"""Persona chat: turns and their variants. Memory is scoped by persona and conversation, and by the last reset."""

from dataclasses import dataclass

from db.connection import row, rows
from db.errors import NotFound
from db.models import ChatMessage, Conversation, Persona


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a user said, and the reply that is being written."""

    said: ChatMessage
    reply: ChatMessage


async def say(conversation: Conversation, persona: Persona, user_id: int, text: str) -> Exchange:
    """Record what a user said and start the persona's reply."""
    said = await ChatMessage.create(
        conversation_id=conversation.id,
        persona_id=persona.id,
        user_id=user_id,
        epoch=conversation.epoch,
        role="user",
        text=text,
    )
    return Exchange(said, await _reply(said, 0, chosen=True))


async def again(conversation: Conversation, reply_id: int) -> Exchange:
    """Start another variant of a persona's reply; the old ones are kept. Raises `NotFound`."""
    old = await ChatMessage.get_or_none(id=reply_id, conversation_id=conversation.id, role="persona")
    if old is None or old.reply_to_id is None or old.epoch != conversation.epoch:
        raise NotFound("chat.unknown_message")
    later = await row(
        "SELECT 1 FROM chat_messages WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3 AND role = 'user' "
        "AND id > $4 LIMIT 1",
        conversation.id, old.persona_id, old.epoch, old.reply_to_id,
    )  # fmt: skip
    if later is not None:
        raise NotFound("chat.not_last")
    # The turn's own row is the lock: of two presses at once the second sees the first's variant.
    await rows("SELECT id FROM chat_messages WHERE id = $1 FOR UPDATE", old.reply_to_id)
    variants = await ChatMessage.filter(reply_to_id=old.reply_to_id).order_by("-variant_index")
    if variants[0].state == "pending":
        raise NotFound("chat.being_written")
    said = await ChatMessage.get(id=old.reply_to_id)
    return Exchange(said, await _reply(said, variants[0].variant_index + 1, chosen=False))


async def attach_reply(reply_id: int, text: str) -> bool:
    """Fill a pending reply and make it the chosen variant; False if it is gone or was filled before."""
    found = await row(
        "UPDATE chat_messages SET text = $2, state = 'ready' WHERE id = $1 AND state = 'pending' RETURNING reply_to_id",
        reply_id, text,
    )  # fmt: skip
    if found is None:
        return False
    await rows(
        "UPDATE chat_messages SET chosen = false WHERE reply_to_id = $1 AND id <> $2 AND chosen",
        found["reply_to_id"], reply_id,
    )  # fmt: skip
    await rows("UPDATE chat_messages SET chosen = true WHERE id = $1 AND NOT chosen", reply_id)
    return True


async def give_up(reply_id: int) -> None:
    """Mark a reply as failed."""
    await rows("UPDATE chat_messages SET state = 'failed' WHERE id = $1 AND state = 'pending'", reply_id)


async def get(message_id: int) -> tuple[ChatMessage, Persona, Conversation] | None:
    """Return a message with its persona and conversation; None if it was deleted."""
    message = await ChatMessage.get_or_none(id=message_id)
    if message is None:
        return None
    return (
        message,
        await Persona.get(id=message.persona_id),
        await Conversation.get(id=message.conversation_id),
    )


async def history(reply: ChatMessage, keep: int = 40, step: int = 16) -> list[ChatMessage]:
    """Return the turns before the one that ``reply`` answers, oldest first: users' texts and chosen replies.

    The last ``keep`` messages are among them. Older ones are left out ``step`` at a time, so that the histories of
    turns that follow each other begin alike: what a model has read of them need not be read again.
    """
    found = await rows(
        "WITH told AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS n "
        "FROM chat_messages WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3 "
        "AND state = 'ready' AND chosen AND id < $4 AND (reply_to_id IS NULL OR reply_to_id < $4)) "
        "SELECT id FROM told WHERE place >= greatest(n - $5, 0) / $6 * $6",
        reply.conversation_id, reply.persona_id, reply.epoch, reply.reply_to_id, keep, step,
    )  # fmt: skip
    messages = await ChatMessage.filter(id__in=[f["id"] for f in found])
    return sorted(messages, key=lambda m: (m.reply_to_id or m.id, m.id))


async def reset(conversation_id: int) -> None:
    """Let the conversation forget: a new epoch begins, the old one is kept but not remembered."""
    await rows("UPDATE conversations SET epoch = epoch + 1 WHERE id = $1", conversation_id)


async def _reply(said: ChatMessage, variant: int, *, chosen: bool) -> ChatMessage:
    return await ChatMessage.create(
        conversation_id=said.conversation_id,
        persona_id=said.persona_id,
        epoch=said.epoch,
        role="persona",
        reply_to_id=said.id,
        variant_index=variant,
        chosen=chosen,
        state="pending",
    )
