"""How a chat opens: a persona's greetings stand as its first message, one of them chosen, the others its variants.

They answer an opening, a message of nobody without a text, so that everything that is true of variants is true of them.
"""

from collections.abc import Sequence

from db.connection import row, rows, transaction
from db.moderation import Verdict


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
