"""How a chat opens: a persona's greetings stand as its first message, one of them chosen, the others its variants.

They answer an opening, a message of nobody without a text, so that everything that is true of variants is true of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from db.connection import row, rows, transaction
from db.conversations import Conversation
from db.errors import NotFound
from db.moderation import Verdict


@dataclass(frozen=True, slots=True)
class Variants:
    """Which of ``count`` variants a message is, from 1 on, and whether another one can still be chosen."""

    number: int
    count: int
    last: bool


async def open_chat(
    conversation_id: int, persona_id: int, epoch: int, greetings: Sequence[str], verdict: Verdict, user_id: int
) -> int | None:
    """Begin a chat with a persona's greetings; return the id of the first.

    ``user_id`` opened it: in their own chat it is kept as long as what they say. None if it has begun, if there are no
    greetings, or if the persona does not talk there.
    """
    if not greetings:
        return None
    async with transaction():
        await rows("SELECT id FROM conversations WHERE id = $1 FOR UPDATE", conversation_id)
        begun = await row(
            "SELECT 1 FROM chat_messages WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3 LIMIT 1",
            conversation_id, persona_id, epoch,
        )  # fmt: skip
        if begun is not None:
            return None
        opening = await row(
            "INSERT INTO chat_messages (conversation_id, persona_id, user_id, epoch, role, verdict) "
            "SELECT c.id, p.id, $4, $3, 'opening', 'checked' FROM conversations c JOIN personas p ON p.id = $2 "
            "AND (p.account_id = c.account_id OR p.account_id IS NULL) WHERE c.id = $1 RETURNING id",
            conversation_id, persona_id, epoch, user_id,
        )  # fmt: skip
        if opening is None:
            return None
        made = await rows(
            "INSERT INTO chat_messages (conversation_id, persona_id, epoch, role, reply_to_id, variant_index, chosen, "
            "text, verdict) SELECT $1, $2, $3, 'persona', $4, g.at - 1, g.at = 1, g.text, $6 "
            "FROM unnest($5::text[]) WITH ORDINALITY AS g (text, at) RETURNING id, variant_index",
            conversation_id, persona_id, epoch, opening["id"], list(greetings), verdict,
        )  # fmt: skip
    return next(each["id"] for each in made if each["variant_index"] == 0)


async def variants(account_id: int, message_id: int) -> Variants | None:
    """Return which greeting a message of an account is; None if it is none."""
    found = await row(
        "SELECT (SELECT count(*) FROM chat_messages v WHERE v.reply_to_id = m.reply_to_id "
        "AND v.variant_index <= m.variant_index) AS number, "
        "(SELECT count(*) FROM chat_messages v WHERE v.reply_to_id = m.reply_to_id) AS count, "
        "NOT EXISTS (SELECT FROM chat_messages l WHERE l.conversation_id = m.conversation_id "
        "AND l.persona_id = m.persona_id AND l.epoch = m.epoch AND l.id > m.id AND l.role = 'user') AS last "
        "FROM chat_messages m JOIN chat_messages o ON o.id = m.reply_to_id "
        "JOIN conversations c ON c.id = m.conversation_id WHERE m.id = $2 AND c.account_id = $1 AND o.role = 'opening'",
        account_id, message_id,
    )  # fmt: skip
    return None if found is None else Variants(found["number"], found["count"], found["last"])


async def choose_greeting(conversation: Conversation, message_id: int, step: int) -> int:
    """Choose the greeting that stands ``step`` behind one, around the end; return its id.

    Raises `NotFound` if the message is no greeting of this chat, or somebody has answered it.
    """
    async with transaction():
        old = await row(
            "SELECT m.reply_to_id, m.variant_index, m.persona_id FROM chat_messages m "
            "JOIN chat_messages o ON o.id = m.reply_to_id "
            "WHERE m.id = $1 AND m.conversation_id = $2 AND m.epoch = $3 AND o.role = 'opening' FOR UPDATE OF o",
            message_id, conversation.id, conversation.epoch,
        )  # fmt: skip
        if old is None:
            raise NotFound("chat.unknown_message")
        said = await row(
            "SELECT 1 FROM chat_messages WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3 "
            "AND role = 'user' LIMIT 1",
            conversation.id, old["persona_id"], conversation.epoch,
        )  # fmt: skip
        if said is not None:
            raise NotFound("chat.not_last")
        all_ = await rows(
            "SELECT id FROM chat_messages WHERE reply_to_id = $1 ORDER BY variant_index", old["reply_to_id"]
        )
        at = next(n for n, each in enumerate(all_) if each["id"] == message_id)
        chosen = all_[(at + step) % len(all_)]["id"]
        # Two statements: a unique index allows one chosen variant at any moment.
        await rows("UPDATE chat_messages SET chosen = false WHERE reply_to_id = $1 AND chosen", old["reply_to_id"])
        await rows("UPDATE chat_messages SET chosen = true WHERE id = $1", chosen)
    return chosen
