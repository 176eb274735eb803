"""Persona chat: messages and their variants. Memory is scoped by persona and conversation, and by the last reset.

Several personas may speak in a chat (`db.company`), which stays that of the persona with whom it began. Of one turn the
first answers the person's message, each further one a cue: a message of nobody without a text. So everything that is
true of one answer is true of each.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from db.connection import row, rows
from db.conversations import Conversation
from db.jobs.joins import RELEASE, Wakeup
from db.moderation import Verdict
from db.people import User
from db.personas import Persona
from db.quotes import MARK
from db.records import build, columns, fetch, fetch_one

MOST_MESSAGES: Final = 400
"""Messages of a history."""
PATIENCE_SECONDS: Final = 120.0
"""A reply waits for earlier ones of its chat until its job is this old; then it is written without them.

The second answer of a turn waits twice as long, and so on.
"""
LOOK_AGAIN_SECONDS: Final = 5.0
"""When a reply that waits looks again, should nothing end its wait: the earlier one was deleted, say."""
_WRITTEN: Final = (
    "FROM chat_messages r JOIN jobs j ON j.conversation_id = r.conversation_id AND j.state IN ('queued', 'running') "
    "JOIN chat_messages o ON o.id = j.message_id AND o.role = 'persona' AND o.state = 'pending' "
    "AND o.persona_id = r.persona_id AND o.epoch = r.epoch WHERE r.id = $1"
)
"""SQL: the replies ``o`` that are being written in the chat of the reply ``r``, and their jobs ``j``."""
_EARLIER: Final = f"{_WRITTEN} AND o.reply_to_id < r.reply_to_id"
_PLACE: Final = (
    "(SELECT 1 + count(c.id) FROM chat_messages r JOIN chat_messages q ON q.id = r.reply_to_id "
    "LEFT JOIN chat_messages c ON c.turn_id = q.turn_id AND c.id <= q.id WHERE r.id = $1)"
)
"""SQL: which answer of its turn the reply ``$1`` is, from 1."""
_PENDING: Final = f"""
SELECT to_jsonb(r) AS reply, to_jsonb(m) AS said, to_jsonb(p) AS persona, (
        SELECT jsonb_agg(jsonb_build_object('id', h.id, 'persona', coalesce(h.speaker_id, h.persona_id),
            'text', h.text) ORDER BY h.reply_to_id)
        FROM chat_messages h WHERE h.reply_to_id < r.reply_to_id AND h.chosen AND h.state = 'ready'
        AND h.verdict <> 'refused' AND h.text <> '' AND h.reply_to_id IN (
            SELECT m.id UNION ALL SELECT c.id FROM chat_messages c WHERE c.turn_id = m.id)) AS heard,
    to_jsonb(u) || coalesce((SELECT jsonb_build_object('name', i.name, 'language', i.language) FROM identities i
        JOIN conversations c ON c.platform = i.platform WHERE i.user_id = u.id AND c.id = m.conversation_id LIMIT 1),
        '{{}}') AS person,
    (SELECT nullif(s.language, '') FROM channel_settings s WHERE s.conversation_id = r.conversation_id) AS language,
    EXISTS (SELECT {_EARLIER}) AS follows
FROM chat_messages r JOIN chat_messages q ON q.id = r.reply_to_id
JOIN chat_messages m ON m.id = coalesce(q.turn_id, q.id) JOIN personas p ON p.id = coalesce(r.speaker_id, r.persona_id)
LEFT JOIN users u ON u.id = m.user_id WHERE r.id = $1"""

_TOLD: Final = (
    "FROM chat_messages WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3 AND state = 'ready' AND chosen "
    "AND verdict <> 'refused' AND role IN ('user', 'persona') "
    # By what it answers: an answer that was edited later has a number above those of later messages.
    "AND coalesce(reply_to_id, id) < $4"
)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One variant of one message. A persona's message replies to a user's; of its variants one is ``chosen``.

    ``persona_id`` is whose chat it is. ``speaker_id`` says or answers it, if that is another one. ``turn_id`` is the
    message of a person to whose turn a cue belongs.
    """

    id: int
    conversation_id: int
    persona_id: int
    speaker_id: int | None
    user_id: int | None
    epoch: int
    role: str
    reply_to_id: int | None
    turn_id: int | None
    variant_index: int
    chosen: bool
    state: str
    text: str

    @property
    def speaker(self) -> int:
        """The persona who says it, or answers it."""
        return self.speaker_id or self.persona_id


@dataclass(frozen=True, slots=True)
class ToldMessage(StoredMessage):
    """A message of a history, and when it was said."""

    created_at: datetime


@dataclass(frozen=True, slots=True)
class Exchange:
    """A user's message, and the reply that is being written."""

    said: StoredMessage
    reply: StoredMessage


@dataclass(frozen=True, slots=True)
class HeardAnswer:
    """What another persona has answered in the same turn before."""

    id: int
    persona: int
    text: str


@dataclass(frozen=True, slots=True)
class PendingReply:
    """A pending reply: its persona, the person's message it answers and that message's author (None if deleted).

    ``heard`` is what others have answered to it already. ``follows``: an earlier reply of the chat is being written.
    ``said_at`` is ISO 8601. ``language`` is the channel's, else the person's, "" if neither is known.
    """

    reply: StoredMessage
    said: StoredMessage
    said_at: str
    persona: Persona
    user: User | None
    heard: list[HeardAnswer]
    follows: bool
    language: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A reply that was filled. ``following`` is the job of the next one, if that waited: wake it after the commit."""

    following: Wakeup | None


async def say(
    conversation: Conversation,
    persona: Persona,
    user_id: int,
    text: str,
    verdict: Verdict = "unchecked",
    *,
    speaker_id: int | None = None,
) -> Exchange:
    """Record a user's message in the chat of a persona, with the verdict on it, and start the reply.

    ``speaker_id`` answers, if that is another persona.
    """
    said = await fetch_one(
        StoredMessage,
        "INSERT INTO chat_messages (conversation_id, persona_id, user_id, epoch, role, text, verdict, speaker_id) "
        f"VALUES ($1, $2, $3, $4, 'user', $5, $6, nullif($7::bigint, $2::bigint)) RETURNING {columns(StoredMessage)}",
        conversation.id, persona.id, user_id, conversation.epoch, text, verdict, speaker_id,
    )  # fmt: skip
    assert said is not None
    return Exchange(said, await start_reply(said, 0, chosen=True))


async def answer_too(said: StoredMessage, speaker_id: int) -> StoredMessage:
    """Start one more reply to a message that a person has just said, by another persona; it waits for those before."""
    cue = await fetch_one(
        StoredMessage,
        "INSERT INTO chat_messages (conversation_id, persona_id, user_id, epoch, role, verdict, turn_id, speaker_id) "
        "VALUES ($1, $2, $3, $4, 'cue', 'checked', $5, nullif($6::bigint, $2::bigint)) "
        f"RETURNING {columns(StoredMessage)}",
        said.conversation_id, said.persona_id, said.user_id, said.epoch, said.id, speaker_id,
    )  # fmt: skip
    assert cue is not None
    return await start_reply(cue, 0, chosen=True)


async def start_reply(said: StoredMessage, variant: int, *, chosen: bool) -> StoredMessage:
    """Start a variant of the answer to a message or a cue, by the persona who answers that.

    It is pending until `attach_reply`, or `give_up`.
    """
    made = await fetch_one(
        StoredMessage,
        "INSERT INTO chat_messages (conversation_id, persona_id, speaker_id, epoch, role, reply_to_id, variant_index, "
        f"chosen, state) VALUES ($1, $2, $3, $4, 'persona', $5, $6, $7, 'pending') RETURNING {columns(StoredMessage)}",
        said.conversation_id, said.persona_id, said.speaker_id, said.epoch, said.id, variant, chosen,
    )  # fmt: skip
    assert made is not None
    return made


async def attach_reply(reply_id: int, text: str) -> Attached | None:
    """Fill a pending reply and make it the chosen variant; None if it is gone or already filled."""
    found = await row(
        "WITH filled AS (UPDATE chat_messages SET text = $2, state = 'ready', verdict = 'checked' "
        "WHERE id = $1 AND state = 'pending' RETURNING id, conversation_id, reply_to_id, chosen), "
        # What it answers has passed the gate. (A subquery: a join may be planned over the whole table.)
        "said AS (UPDATE chat_messages SET verdict = 'checked' WHERE id = (SELECT coalesce(q.turn_id, q.id) "
        "FROM filled JOIN chat_messages q ON q.id = filled.reply_to_id) AND verdict = 'unchecked') "
        "SELECT reply_to_id, chosen, EXISTS (SELECT FROM jobs j "
        "WHERE j.conversation_id = filled.conversation_id AND j.state IN ('queued', 'running') "
        "AND j.message_id > filled.id) AS followed FROM filled",
        reply_id, text,
    )  # fmt: skip
    if found is None:
        return None
    if not found["chosen"]:
        # Two statements: a unique index allows one chosen variant at any moment.
        await rows("UPDATE chat_messages SET chosen = false WHERE reply_to_id = $1 AND chosen", found["reply_to_id"])
        await rows("UPDATE chat_messages SET chosen = true WHERE id = $1", reply_id)
    return Attached(await _let_next(reply_id) if found["followed"] else None)


async def give_up(reply_id: int) -> None:
    """Mark a reply as failed. The next one of the chat waits for it no longer: workers find its job."""
    await rows("UPDATE chat_messages SET state = 'failed' WHERE id = $1 AND state = 'pending'", reply_id)
    await _let_next(reply_id)


async def follow(reply_id: int, job_id: int, token: UUID) -> bool:
    """Put a reply's job off while an earlier reply of its chat is being written; False if it is to be written now.

    The job keeps its turn. It is due again when the earlier reply is there or given up, and no attempt is counted.
    """
    # The lock is shared with who fills or gives up that reply, and then looks for what waits: neither misses the other.
    found = await row(
        f"WITH earlier AS (SELECT o.id {_EARLIER} FOR SHARE OF o) "
        f"UPDATE jobs SET state = 'queued', run_after = now() + make_interval(secs => $4), {RELEASE} "
        "WHERE id = $2 AND lease_token = $3 AND state = 'running' "
        f"AND created_at > now() - make_interval(secs => $5 * {_PLACE}) AND EXISTS (SELECT FROM earlier) RETURNING id",
        reply_id, job_id, token, LOOK_AGAIN_SECONDS, PATIENCE_SECONDS,
    )  # fmt: skip
    return found is not None


async def _let_next(reply_id: int) -> Wakeup | None:
    """Make the job due that waits for a reply. One that waits for a retry is not disturbed."""
    return await fetch_one(
        Wakeup,
        f"UPDATE jobs SET run_after = now(), woken_at = now() WHERE id = (SELECT j.id {_WRITTEN} "
        "AND o.reply_to_id > r.reply_to_id ORDER BY o.reply_to_id LIMIT 1) "
        "AND state = 'queued' AND retries = 0 AND run_after > now() RETURNING id, queue, priority",
        reply_id,
    )


async def get(account_id: int | None, message_id: int) -> tuple[StoredMessage, Persona] | None:
    """Return a message of an account with the persona who says or answers it; None if there is none."""
    found = await row(
        "SELECT to_jsonb(m) AS message, to_jsonb(p) AS persona FROM chat_messages m "
        "JOIN personas p ON p.id = coalesce(m.speaker_id, m.persona_id) "
        "JOIN conversations c ON c.id = m.conversation_id WHERE m.id = $1 AND c.account_id = $2",
        message_id, account_id,
    )  # fmt: skip
    if found is None:
        return None
    return build(StoredMessage, json.loads(found["message"])), build(Persona, json.loads(found["persona"]))


async def last_reply(conversation_id: int, persona_id: int, epoch: int) -> int | None:
    """Return the id of the last reply in a persona's chat since its reset, whoever said it; None if there is none."""
    found = await row(
        "SELECT a.id FROM chat_messages s JOIN chat_messages a ON a.reply_to_id = s.id AND a.chosen "
        "AND a.state = 'ready' WHERE s.conversation_id = $1 AND s.persona_id = $2 AND s.epoch = $3 "
        "AND s.role <> 'persona' ORDER BY s.id DESC LIMIT 1",
        conversation_id, persona_id, epoch,
    )  # fmt: skip
    return None if found is None else found["id"]


async def pending(reply_id: int) -> PendingReply | None:
    """Return what is needed to write a reply, besides the history; None if it was deleted."""
    found = await row(_PENDING, reply_id)
    if found is None:
        return None
    said = json.loads(found["said"])
    user = None if found["person"] is None else build(User, json.loads(found["person"]))
    return PendingReply(
        reply=build(StoredMessage, json.loads(found["reply"])),
        said=build(StoredMessage, said),
        said_at=said["created_at"],
        persona=build(Persona, json.loads(found["persona"])),
        user=user,
        heard=[build(HeardAnswer, each) for each in json.loads(found["heard"] or "[]")],
        follows=found["follows"],
        language=found["language"] or (user.language if user is not None else ""),
    )


async def other_variants(reply: StoredMessage) -> list[str]:
    """Return the texts of the other variants of a reply."""
    found = await rows(
        "SELECT text FROM chat_messages WHERE reply_to_id = $1 AND id <> $2 AND text <> '' AND verdict <> 'refused'",
        reply.reply_to_id, reply.id,
    )  # fmt: skip
    return [each["text"] for each in found]


async def history(reply: StoredMessage, most_bytes: int = 50_000, after: tuple[int, int] = (0, 0)) -> list[ToldMessage]:
    """Return the newest messages before the one that ``reply`` answers, oldest first: users' texts and chosen replies.

    As many as have ``most_bytes`` together, and four times as much of what comes ``after`` a place in the order of a
    chat (`db.memory.past.messages`), which no summary stands for; at most `MOST_MESSAGES`. Of an erased person's
    messages only a mark is left.
    """
    found = await fetch(
        ToldMessage,
        f"SELECT {columns(ToldMessage)} FROM (SELECT *, sum(octet_length(text)) OVER (ORDER BY turn DESC, id DESC) "
        f"AS bytes FROM (SELECT *, coalesce(reply_to_id, id) AS turn {_TOLD} ORDER BY id DESC LIMIT $8) newest) sized "
        "WHERE bytes <= $5 OR (bytes <= 4 * $5 AND (turn, id) > ($6, $7)) ORDER BY turn, id",
        reply.conversation_id, reply.persona_id, reply.epoch, reply.reply_to_id, most_bytes, *after, MOST_MESSAGES,
    )  # fmt: skip
    return [m if m.text else replace(m, text=MARK) for m in found]


async def count_told(reply: StoredMessage, after: tuple[int, int] = (0, 0)) -> int:
    """Return how many messages there are after a place in the order of a chat and before the one ``reply`` answers."""
    found = await row(
        f"SELECT count(*) AS n {_TOLD} AND (coalesce(reply_to_id, id), id) > ($5, $6)",
        reply.conversation_id, reply.persona_id, reply.epoch, reply.reply_to_id, *after,
    )  # fmt: skip
    assert found is not None
    return found["n"]


async def reset(conversation_id: int) -> int:
    """Reset the conversation's memory: start a new epoch and return it; the old one is stored but no longer used.

    What was remembered of it is forgotten. A saved chat (`db.saved_chats`) begins anew under its name.
    """
    found = await row(
        "WITH old AS (SELECT id, epoch, greatest(epoch, last_epoch) + 1 AS next FROM conversations WHERE id = $1 "
        "FOR UPDATE), forgotten AS (DELETE FROM memories m USING old WHERE m.conversation_id = old.id "
        "AND m.epoch = old.epoch), session AS (DELETE FROM context_sessions x USING old "
        "WHERE x.conversation_id = old.id AND x.epoch = old.epoch AND x.user_id IS NULL), "
        "saved AS (UPDATE saved_chats s SET epoch = old.next FROM old "
        "WHERE s.conversation_id = old.id AND s.epoch = old.epoch) "
        "UPDATE conversations c SET epoch = old.next, last_epoch = old.next FROM old WHERE c.id = old.id "
        "RETURNING c.epoch",
        conversation_id,
    )
    assert found is not None
    return found["epoch"]
